"""Relative scores of many comparisons: those of the service's index, and of its 1:1 comparisons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.synthetic import synthetic_people
from tests.relative import made_reference
from tests.storage.synthetic import DIMENSION, MadeGallery
from vultus.evaluation.measure import measure_pairs
from vultus.evaluation.pair_list import PairList, PhotoPair
from vultus.evaluation.relative.gallery_scores import gallery_search, offsets_of
from vultus.evaluation.scores import score_all_pairs
from vultus.search.index import FlatIndex

REFERENCE = made_reference(width=DIMENSION)


@pytest.mark.parametrize("templates", [1, 2])
@pytest.mark.parametrize("subjects", [1, 4, 30])
def test_searches_have_the_scores_of_the_index(subjects, templates):
    vectors, _ = synthetic_people(subjects, templates, width=DIMENSION)
    gallery = vectors.reshape(subjects, templates, DIMENSION)
    made = MadeGallery()
    for number, photos in enumerate(gallery):
        made.add(f"s{number:02}", *photos)
    probes = synthetic_people(6, 1, width=DIMENSION, seed=1)[0]
    probes[0] = gallery[0, 0]
    found = gallery_search(gallery, REFERENCE)(probes)
    for row, lines in zip(found, FlatIndex(made).search("c", probes, subjects, REFERENCE.rule), strict=True):
        by_index = [line.score for line in sorted(lines, key=lambda line: line.subject)]
        assert row == pytest.approx(by_index, abs=0.01)  # the index keeps the enrolled faces' terms by 8-bit codes


def test_pairs_have_the_scores_of_comparisons_without_a_gallery():
    vectors, people = synthetic_people(12, 3)
    reference = made_reference()
    scores = score_all_pairs(vectors, people, offsets=offsets_of(vectors, reference))
    for pairs in (scores.mated_pairs, scores.worst_nonmated):
        for first, second, score in zip(pairs.first[:9], pairs.second[:9], pairs.scores[:9], strict=True):
            assert score == pytest.approx(float(reference.score(vectors[first], vectors[second][None])[0]), abs=1e-5)
    assert scores.mated.total + scores.nonmated.total == 36 * 35 / 2


def test_scores_below_minus_one_are_counted():
    vectors, people = synthetic_people(5, 2)
    scores = score_all_pairs(vectors, people, offsets=np.full(10, 2, np.float32))
    assert scores.nonmated.total == 40
    assert scores.nonmated.at_or_above(-1.0) == 40
    assert scores.mated_pairs.scores.max() < -2.9


def test_a_pair_list_has_the_same_scores():
    vectors, _ = synthetic_people(2, 2)
    pairs = PairList((), (PhotoPair(0, 1, True, None), PhotoPair(0, 2, False, None)), ())
    reference = made_reference()
    found = measure_pairs(vectors, pairs, [0.5], reference=reference).verification
    expected = float(reference.score(vectors[0], vectors[2][None])[0])
    assert found.nonmated.edges[np.flatnonzero(found.nonmated.counts)[0]] == pytest.approx(expected, abs=1e-5)


def test_without_weight_scores_are_cosines():
    vectors, _ = synthetic_people(8, 1)
    weightless = replace(REFERENCE, rule=replace(made_reference().rule, weight=0.0))
    assert gallery_search(vectors[:, None], weightless)(vectors) == pytest.approx(vectors @ vectors.T, abs=1e-6)
