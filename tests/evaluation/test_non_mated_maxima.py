from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import InvalidRequest
from vultus.evaluation.non_mated_maxima import (
    BestScores,
    chance_of_best,
    draw_gallery,
    measure_best_scores,
    search_gallery,
)


def unit_vectors(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_chance_of_best_worked_by_hand():
    # two of four: the best one is in 3 of 6 galleries, else the second in 2, else the third in 1
    assert chance_of_best(4, 2) == pytest.approx([3 / 6, 2 / 6, 1 / 6, 0])


@given(st.integers(1, 60).flatmap(lambda pool: st.tuples(st.just(pool), st.integers(1, pool))))
def test_chance_of_best_is_the_binomial_quotient(numbers):
    pool, size = numbers
    expected = [comb(pool - place, size - 1) / comb(pool, size) for place in range(1, pool + 1)]
    assert chance_of_best(pool, size) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5])
def test_fpir_is_the_mean_over_every_possible_gallery(size, threshold):
    embeddings = unit_vectors(6, seed=1)  # six people, one photo each
    searches = [
        max(float(embeddings[probe] @ embeddings[other]) for other in gallery) >= threshold
        for probe in range(6)
        for gallery in combinations([other for other in range(6) if other != probe], size)
    ]
    measured = measure_best_scores(embeddings, np.arange(6), [size])
    assert measured.fpir(size, threshold) == pytest.approx(np.mean(searches), abs=1e-9)


def test_a_person_with_many_photos_weighs_no_more_than_one_with_one():
    # gallery: x for a, y for b. Probes of a: three times x; of b: once y; c is near y (0.8) and enrolled as itself.
    x, y, c = [1, 0, 0], [0, 1, 0], [0, 0.8, 0.6]
    measured = measure_best_scores(np.array([x, x, x, y, c], np.float32), ["a", "a", "a", "b", "c"], [2])
    assert measured.fpir(2, 0.5) == pytest.approx(2 / 3)  # b finds c, c finds b, a nobody
    assert measured.fpir(1, 0.5) == pytest.approx(1 / 3)  # each of the two in one of their two galleries


def test_only_chosen_photos_are_probes():
    x, y, c = [1, 0, 0], [0, 1, 0], [0, 0.8, 0.6]
    only_a = np.array([True, False, False])
    measured = measure_best_scores(np.array([x, y, c], np.float32), ["a", "b", "c"], [1, 2], probes=only_a)
    assert measured.fpir(2, 0.5) == 0.0


def test_probe_of_a_person_too_few_photos_to_enrol_meets_the_whole_pool():
    # with two templates a and b are the pool; c, with one photo, equals a's
    axes = np.eye(2, dtype=np.float32)
    only_c = np.array([False] * 4 + [True])
    subjects = ["a", "a", "b", "b", "c"]
    measured = measure_best_scores(axes[[0, 0, 1, 1, 0]], subjects, [1], templates=2, probes=only_c)
    assert (measured.subjects, measured.fpir(1, 0.5)) == (2, 0.5)


def test_fpir_grows_with_the_gallery_and_falls_with_the_threshold():
    measured = measure_best_scores(unit_vectors(40, seed=2), np.arange(40), [2, 8, 30])
    assert (np.diff(measured.rates, axis=0) >= -1e-12).all()
    assert (np.diff(measured.rates, axis=1) <= 1e-12).all()


def test_threshold_keeps_fpir():
    measured = measure_best_scores(unit_vectors(40, seed=2), np.arange(40), [8])
    threshold = measured.threshold(8, 0.1)
    assert measured.fpir(8, threshold) <= 0.1 < measured.fpir(8, threshold - 1e-4)


def test_tail_of_an_exponential_distribution_is_continued():
    # FMR = exp(-20 (t + 1)): 1e-9 lies at t = ln(1e9) / 20 - 1 = 0.036163
    edges = np.linspace(-1, 1, 2**16 + 1)
    curve = BestScores((1,), np.exp(-20 * (edges + 1))[None], subjects=2000)
    assert curve.smallest_fmr == pytest.approx(30 / 1_999_000)
    assert curve.threshold_at_fmr(1e-9) == pytest.approx(0.036163, abs=1e-4)
    assert curve.threshold_at_fmr(1e-2) == curve.threshold(1, 1e-2)


def test_gallery_larger_than_the_people_there_are_is_refused():
    with pytest.raises(InvalidRequest, match="a gallery of 6 subjects cannot be drawn from 6"):
        measure_best_scores(unit_vectors(6, seed=1), np.arange(6), [6])


def test_size_that_was_not_measured_is_refused():
    with pytest.raises(InvalidRequest, match="not of 3"):
        measure_best_scores(unit_vectors(6, seed=1), np.arange(6), [2]).fpir(3, 0.5)


def test_gallery_is_drawn_from_people_with_enough_photos():
    labels = np.array([0, 1, 1, 2, 2, 2], np.int32)
    gallery = draw_gallery(labels, templates=2, seed=0)
    assert labels[gallery].tolist() == [[1, 1], [2, 2]]
    assert len(set(gallery.ravel().tolist())) == 4


def test_subject_scores_as_its_best_template():
    axes = np.eye(2, dtype=np.float32)
    assert search_gallery(axes[:1], axes[[[0, 1], [1, 1]]]).tolist() == [[1.0, 0.0]]
