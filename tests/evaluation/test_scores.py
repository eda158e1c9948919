from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import InvalidRequest, VectorMismatch
from vultus.evaluation import scores as module
from vultus.evaluation.scores import Histogram, score_all_pairs


def unit_vectors(count: int, width: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def brute_force(embeddings: np.ndarray, subjects: np.ndarray) -> tuple[list[tuple[int, int, float]], ...]:
    """Every pair one by one, (first, second, cosine): mated, non-mated."""
    pairs = [(i, j, float(embeddings[i] @ embeddings[j])) for i, j in combinations(range(len(subjects)), 2)]
    mated = [pair for pair in pairs if subjects[pair[0]] == subjects[pair[1]]]
    return mated, [pair for pair in pairs if subjects[pair[0]] != subjects[pair[1]]]


@pytest.mark.parametrize(("rows", "columns"), [(4, 6), (7, 64), (512, 8192)])
def test_blocks_count_what_single_comparisons_count(monkeypatch, rows, columns):
    monkeypatch.setattr(module, "ROWS", rows)
    monkeypatch.setattr(module, "COLUMNS", columns)
    embeddings = unit_vectors(60, 16, seed=1)
    subjects = np.random.default_rng(2).integers(0, 12, 60)
    found = score_all_pairs(embeddings, subjects, bins=64)
    for pairs, histogram in zip(brute_force(embeddings, subjects), (found.mated, found.nonmated), strict=True):
        scores = np.array([score for _, _, score in pairs])
        assert histogram.total == len(scores)
        assert histogram.counts.tolist() == np.histogram(scores, bins=64, range=(-1, 1))[0].tolist()


def test_mated_pairs_are_all_listed_lowest_first():
    embeddings, subjects = unit_vectors(30, 8, seed=3), np.arange(30) % 7
    found = score_all_pairs(embeddings, subjects).mated_pairs
    expected = sorted(brute_force(embeddings, subjects)[0], key=lambda pair: pair[2])
    listed = [{int(first), int(second)} for first, second in zip(found.first, found.second, strict=True)]
    assert listed == [{first, second} for first, second, _ in expected]
    assert found.scores == pytest.approx([score for _, _, score in expected], abs=1e-6)


def test_worst_nonmated_pairs_are_the_highest_by_index():
    embeddings, subjects = unit_vectors(40, 8, seed=4), np.arange(40) // 2
    found = score_all_pairs(embeddings, subjects, worst=5).worst_nonmated
    expected = sorted(brute_force(embeddings, subjects)[1], key=lambda pair: -pair[2])[:5]
    listed = [{int(first), int(second)} for first, second in zip(found.first, found.second, strict=True)]
    assert listed == [{first, second} for first, second, _ in expected]


def test_no_worst_pairs_are_kept_when_none_are_wanted():
    assert len(score_all_pairs(unit_vectors(6, 4, seed=5), np.arange(6) // 2, worst=0).worst_nonmated) == 0


def test_names_and_numbers_of_subjects_give_the_same():
    embeddings = unit_vectors(4, 4, seed=6)
    by_name = score_all_pairs(embeddings, ["Zoë", "Zoë", "Ådne", "李"])
    assert by_name.labels.tolist() == [0, 0, 1, 2]  # sorted by code point: Z < Å < 李
    assert by_name.mated.total == 1
    assert by_name.nonmated.total == 5


def test_identical_and_opposite_embeddings_stay_inside_the_histogram():
    # cosines: 1 (mated), -1 twice (non-mated)
    found = score_all_pairs(np.array([[1, 0], [1, 0], [-1, 0]], np.float32), ["a", "a", "b"], bins=4)
    assert found.mated.counts.tolist() == [0, 0, 0, 1]
    assert found.nonmated.counts.tolist() == [2, 0, 0, 0]


def test_histogram_counts_at_or_above_a_threshold():
    # bins of width 0.5: [-1,-.5) [-.5,0) [0,.5) [.5,1]
    histogram = Histogram(np.array([1, 2, 3, 4]))
    assert [histogram.at_or_above(at) for at in (-2, -1, -0.5, 0.0, 0.4, 0.5, 1.0, 3)] == [10, 10, 9, 7, 4, 4, 0, 0]


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=50), st.integers(0, 64))
def test_histogram_agrees_with_the_scores_at_every_edge(values, edge):
    scores = np.array(values, np.float32)
    placed = np.minimum(np.floor((scores + np.float32(1)) * np.float32(32)), 63)
    assert Histogram.of(scores, bins=64).at_or_above(edge / 32 - 1) == int((placed >= edge).sum())


def test_zero_embedding_is_refused():
    embeddings = unit_vectors(4, 4, seed=7)
    embeddings[2] = 0
    with pytest.raises(VectorMismatch, match="1 of 4 embeddings are not of unit length"):
        score_all_pairs(embeddings, ["a", "a", "b", "b"])


@pytest.mark.parametrize(
    ("subjects", "sentence"),
    [
        (["a", "a", "a", "a"], "all 4 photos show one person"),
        (["a", "b", "c", "d"], "none of the 4 people has a second photo"),
        (["a", "b"], "2 subjects were given for embeddings of shape"),
    ],
)
def test_labels_that_give_no_comparison_are_refused(subjects, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        score_all_pairs(unit_vectors(4, 4, seed=8), subjects)


def test_too_many_mated_pairs_are_refused_before_work_begins():
    many = np.broadcast_to(np.array([1, 0], np.float32), (6400, 2))  # 6,399 photos of one: 20,470,401 pairs
    with pytest.raises(InvalidRequest, match="20470401 mated pairs are more than 20000000"):
        score_all_pairs(many, np.append(np.zeros(6399, int), 1))
