from __future__ import annotations

import numpy as np

from tests.evaluation.synthetic import synthetic_people
from vultus.evaluation.identification import SearchScores, fnir, search_open_set, split_open_set, threshold_at_fpir
from vultus.evaluation.measure import measure_search
from vultus.evaluation.search_interval import fnir_interval

VECTORS, PEOPLE = synthetic_people(120, 4, width=12, scatter=0.7)
TARGET = 0.05


def search(seed: int) -> SearchScores:
    return search_open_set(VECTORS, PEOPLE, split_open_set(PEOPLE, 60, seed=seed))


def test_the_interval_holds_what_other_galleries_of_the_same_photos_find():
    found = []
    for seed in range(100, 200):
        scores = search(seed)
        found.append(fnir(scores, threshold_at_fpir(scores, TARGET)).value)
    scores = search(0)
    bounds = fnir_interval([search(seed) for seed in range(10)], TARGET)
    wilson = fnir(scores, threshold_at_fpir(scores, TARGET)).interval
    assert np.mean([bounds.low <= rate <= bounds.high for rate in found]) > 0.9
    assert np.mean([wilson.low <= rate <= wilson.high for rate in found]) < 0.9


def test_the_threshold_is_set_again_by_those_who_were_drawn():
    """Two outsiders, scores 0.2 and 0.8, at FPIR 50 %: drawn once each or both the first, the threshold is just above
    0.2; both the second, just above 0.8, and the one mated search at 0.5 is missed."""
    scores = SearchScores(
        subjects=1,
        templates=1,
        own=np.array([0.5], np.float32),
        own_rank=np.array([1]),
        best_nonmated=np.array([0.2, 0.8], np.float32),
        own_people=np.array([0], np.int32),
        nonmated_people=np.array([1, 2], np.int32),
    )
    bounds = fnir_interval([scores], 0.5, resamples=400)
    assert (bounds.low, bounds.high) == (0.0, 1.0)


def test_searches_have_their_interval_unless_they_cannot_be_claimed():
    points, _ = measure_search(VECTORS, PEOPLE)
    assert points[0].fnir_people.low <= points[0].fnir.value <= points[0].fnir_people.high
    assert points[-1].note is not None
    assert points[-1].fnir_people is None
    wilson = points[0].fnir.interval
    assert points[0].fnir_people.high - points[0].fnir_people.low > wilson.high - wilson.low


def test_no_miss_is_no_certainty():
    """Nobody of three is missed: every resample finds 0, and Wilson's interval reaches to 56 %."""
    scores = SearchScores(
        subjects=3,
        templates=1,
        own=np.array([0.9, 0.9, 0.9], np.float32),
        own_rank=np.array([1, 1, 1]),
        best_nonmated=np.array([0.2, 0.3], np.float32),
        own_people=np.array([0, 1, 2], np.int32),
        nonmated_people=np.array([3, 4], np.int32),
    )
    bounds = fnir_interval([scores], 0.5)
    assert (bounds.low, round(bounds.high, 2)) == (0.0, 0.56)
