from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InvalidRequest, VectorMismatch
from vultus.evaluation.identification import (
    OpenSetSplit,
    SearchScores,
    fnir,
    fpir,
    search_open_set,
    search_points,
    split_open_set,
    threshold_at_fpir,
)

# Four mated searches and five non-mated ones.
SCORES = SearchScores(
    subjects=10,
    templates=1,
    own=np.array([0.9, 0.7, 0.6, 0.2], np.float32),
    own_rank=np.array([1, 1, 3, 1]),
    best_nonmated=np.array([0.1, 0.3, 0.5, 0.65, 0.8], np.float32),
    own_people=np.array([0, 0, 1, 2], np.int32),
    nonmated_people=np.array([3, 3, 4, 5, 5], np.int32),
)
LABELS = np.repeat(np.arange(20), 5)  # 20 people, 5 photos each


@pytest.mark.parametrize("templates", [1, 3])
def test_parts_of_a_split_do_not_overlap(templates):
    split = split_open_set(LABELS, 8, templates=templates, seed=1)
    parts = np.concatenate([split.gallery.ravel(), split.mated_probes, split.nonmated_probes])
    enrolled = set(LABELS[split.gallery[:, 0]].tolist())
    assert len(set(parts.tolist())) == len(parts)
    assert set(LABELS[split.mated_probes].tolist()) == enrolled
    assert not enrolled & set(LABELS[split.nonmated_probes].tolist())


def test_split_has_the_sizes_that_were_asked_for():
    split = split_open_set(LABELS, 8, templates=2)
    assert split.gallery.shape == (8, 2)
    assert (len(split.mated_probes), len(split.nonmated_probes)) == (8 * 3, 12 * 5)
    assert (LABELS[split.gallery[:, 0]] == LABELS[split.gallery[:, 1]]).all()


def test_split_follows_the_seed():
    first, again, other = (split_open_set(LABELS, 8, seed=seed).gallery.tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("labels", "people", "templates", "sentence"),
    [
        (LABELS, 20, 1, "somebody must stay outside"),
        (LABELS, 0, 1, "a gallery of 0 people"),
        (LABELS, 3, 6, "0 people have so many"),
        (np.arange(9), 3, 1, "leaves no mated probe"),
    ],
)
def test_galleries_that_cannot_be_drawn_are_refused(labels, people, templates, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        split_open_set(labels, people, templates=templates)


def test_search_takes_the_best_template_of_each_subject():
    # gallery a: x, y; b: z, z. Mated probe (0.6, 0, 0.8) of a: a 0.6, b 0.8, rank 2. Non-mated y: a 1.0.
    x, y, z = np.eye(3, dtype=np.float32)
    embeddings = np.array([x, y, z, z, [0.6, 0, 0.8], y], np.float32)
    split = OpenSetSplit(np.array([[0, 1], [2, 3]]), np.array([4]), np.array([5]))
    found = search_open_set(embeddings, ["a", "a", "b", "b", "a", "c"], split)
    assert (found.subjects, found.templates) == (2, 2)
    assert found.own == pytest.approx([0.6])
    assert found.own_rank.tolist() == [2]
    assert found.best_nonmated == pytest.approx([1.0])


def test_search_in_parts_agrees_with_one_search_at_a_time():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(150), 4)
    vectors = rng.normal(size=(150, 8))[labels] + rng.normal(size=(600, 8))
    embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    split = split_open_set(labels, 60, seed=3)
    found = search_open_set(embeddings, labels, split)
    for place, probe in enumerate(split.mated_probes):
        scores = embeddings[split.gallery[:, 0]] @ embeddings[probe]
        own = scores[labels[split.gallery[:, 0]] == labels[probe]][0]
        assert found.own[place] == pytest.approx(own, abs=1e-6)
        assert found.own_rank[place] == (scores > own + 1e-6).sum() + 1


def test_equal_scores_go_before_the_own_subject():
    axes = np.eye(2, dtype=np.float32)
    split = OpenSetSplit(np.array([[0], [1]]), np.array([2]), np.array([3]))
    found = search_open_set(axes[[0, 0, 0, 1]], ["a", "b", "a", "c"], split)
    assert found.own_rank.tolist() == [2]


def test_fpir_counts_searches_at_or_above_the_threshold():
    assert fpir(SCORES, 0.5).value == 3 / 5
    assert fpir(SCORES, 0.81).value == 0


@pytest.mark.parametrize(("threshold", "rank", "expected"), [(0.5, 1, 2 / 4), (0.5, 3, 1 / 4), (0.65, 3, 2 / 4)])
def test_fnir_needs_both_rank_and_threshold(threshold, rank, expected):
    # above 0.5: the first three, the third of rank 3; above 0.65: the first two
    assert fnir(SCORES, threshold, rank).value == expected


@pytest.mark.parametrize(("target", "allowed"), [(0.2, 1), (0.39, 1), (0.4, 2), (0.0, 0), (1.0, 5)])
def test_threshold_at_fpir_lets_no_more_pass_than_allowed(target, allowed):
    assert fpir(SCORES, threshold_at_fpir(SCORES, target)).errors == allowed


def test_points_state_gallery_rank_and_what_cannot_be_claimed():
    # one of five may pass: above 0.65, where 0.9 and 0.7 of four mated searches are found
    point = search_points(SCORES, [0.2])[0]
    assert (point.subjects, point.templates, point.rank) == (10, 1, 1)
    assert point.threshold == pytest.approx(0.65)
    assert (point.fpir.value, point.fnir.value) == (0.2, 0.5)
    assert point.note is not None
    assert "FPIR 0.2 needs at least 15 non-mated searches" in point.note


def test_zero_embedding_is_refused():
    embeddings = np.zeros((100, 4), np.float32)
    with pytest.raises(VectorMismatch, match="100 of 100"):
        search_open_set(embeddings, LABELS, split_open_set(LABELS, 8))
