from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import InvalidRequest
from vultus.evaluation.scores import Histogram
from vultus.evaluation.verification import (
    best_threshold,
    det,
    equal_error,
    fmr,
    fnmr,
    fold_accuracy,
    interpolated_threshold,
    operating_points,
    threshold_at_fmr,
)

# Eight bins 0.25 wide, lower edges -1, -0.75, ... 0.75. 10 mated and 100 non-mated comparisons.
MATED = Histogram(np.array([0, 0, 0, 0, 1, 1, 3, 5]))
NONMATED = Histogram(np.array([0, 20, 30, 30, 14, 5, 1, 0]))


def test_rates_at_a_threshold_worked_by_hand():
    assert fmr(NONMATED, 0.25).value == 6 / 100  # 5 + 1 at or above 0.25
    assert fnmr(MATED, 0.25).value == 1 / 10  # one mated comparison in [0, 0.25)


@pytest.mark.parametrize(
    ("target", "threshold"),
    [(1.0, -1.0), (0.5, -0.25), (0.2, 0.0), (0.19, 0.25), (0.06, 0.25), (0.01, 0.5), (0.009, 0.75), (0.0, 0.75)],
)
def test_smallest_threshold_that_keeps_the_target(target, threshold):
    # FMR at the edges -1, -0.75, ...: 1, 1, 0.8, 0.5, 0.2, 0.06, 0.01, 0
    assert threshold_at_fmr(NONMATED, target) == threshold


@given(st.lists(st.integers(0, 50), min_size=16, max_size=16).filter(any), st.floats(0, 1))
def test_threshold_keeps_the_target_and_the_edge_below_does_not(counts, target):
    histogram = Histogram(np.array(counts))
    threshold = threshold_at_fmr(histogram, target)
    assert fmr(histogram, threshold).value <= target * (1 + 1e-9)
    if threshold > -1:
        assert fmr(histogram, threshold - 2 / 16).value > target


def test_interpolated_threshold_lies_between_edges():
    # FMR 0.2 at 0, 0.06 at 0.25; log10: -0.69897, -1.22185. At 0.1: 0.25 * 0.30103 / 0.52288 = 0.143929
    assert interpolated_threshold(NONMATED, 0.1) == pytest.approx(0.143929, abs=1e-6)


def test_interpolated_threshold_does_not_extrapolate():
    assert interpolated_threshold(NONMATED, 1e-6) == 0.5  # the lower edge of the highest filled bin


def test_interpolation_of_nothing_is_refused():
    with pytest.raises(InvalidRequest, match="no non-mated comparison"):
        interpolated_threshold(Histogram(np.zeros(8, np.int64)), 0.1)


def test_equal_error_rate_is_interpolated():
    # FMR 0.06 and FNMR 0.1 at 0.25; 0.2 and 0 at 0. Gap -0.2 -> 0.04, crossing at 5/6: 0.2 - 5/6 * 0.14 = 0.083333
    found = equal_error(MATED, NONMATED)
    assert found.rate == pytest.approx(0.25 / 3)
    assert found.threshold == pytest.approx(0.25 * 5 / 6)


def test_equal_error_of_separated_scores_is_zero():
    found = equal_error(Histogram(np.array([0, 0, 0, 9])), Histogram(np.array([9, 0, 0, 0])))
    assert found.rate == 0


def test_det_falls_in_fmr_and_rises_in_fnmr():
    curve = det(MATED, NONMATED, points=64)
    assert (np.diff(curve.fmr) <= 0).all()
    assert (np.diff(curve.fnmr) >= 0).all()
    assert (curve.fmr[0], curve.fnmr[-1]) == (1.0, 1.0)
    assert len(curve.thresholds) <= 64


def test_operating_point_says_what_cannot_be_claimed():
    tenth, hundredth = operating_points(MATED, NONMATED, (0.1, 0.01))
    assert (tenth.threshold, tenth.fmr.value, tenth.fnmr.value) == (0.25, 0.06, 0.1)
    assert tenth.supported
    assert hundredth.note is not None
    assert "300 non-mated comparisons" in hundredth.note


def test_best_threshold_is_midway_between_the_scores_it_separates():
    assert best_threshold(np.array([0.1, 0.2, 0.6, 0.9]), np.array([False, False, True, True])) == pytest.approx(0.4)


def test_best_threshold_never_splits_equal_scores():
    # 0.5 is mated twice, non-mated once: accept all three at 0.5, so the cut is above 0.1
    scores, same = np.array([0.1, 0.5, 0.5, 0.5]), np.array([False, True, False, True])
    assert best_threshold(scores, same) == pytest.approx(0.3)


def test_fold_is_scored_with_the_threshold_of_the_others():
    # fold 2 alone is best cut between 0.2 and 0.4 (0.3): in fold 1 that accepts 0.35, which is non-mated: 3 of 4.
    # fold 1 alone is best cut between 0.35 and 0.8 (0.575): in fold 2 that misses 0.4: 3 of 4.
    scores = np.array([0.1, 0.35, 0.8, 0.9, 0.1, 0.2, 0.4, 0.9])
    same = np.array([False, False, True, True] * 2)
    found = fold_accuracy(scores, same, np.repeat([1, 2], 4))
    assert found.thresholds == pytest.approx((0.3, 0.575))
    assert found.accuracies == (0.75, 0.75)
    assert (found.mean, found.standard_error) == (0.75, 0.0)


def test_standard_error_is_the_deviation_over_the_root_of_the_folds():
    scores = np.array([0.1, 0.9, 0.6, 0.7])
    found = fold_accuracy(scores, np.array([False, True, False, True]), np.array([1, 1, 2, 2]))
    # fold 1 at 0.65: both right; fold 2 at 0.5: 0.6 is wrong. Deviation of 1 and 0.5: 0.353553, over sqrt(2): 0.25
    assert found.accuracies == (1.0, 0.5)
    assert found.standard_error == pytest.approx(0.25)


def test_pair_without_a_face_never_matches():
    scores = np.array([np.nan, 0.1, 0.9, np.nan, 0.1, 0.9])
    found = fold_accuracy(scores, np.array([True, False, True, False, False, True]), np.array([1, 1, 1, 2, 2, 2]))
    assert found.unscored == 2
    assert found.accuracies == pytest.approx((2 / 3, 1.0))  # the mated one is missed, the non-mated one is right


def test_folds_without_any_score_are_refused():
    with pytest.raises(InvalidRequest, match="a face was found in none of them"):
        fold_accuracy(np.array([0.1, np.nan]), np.array([False, True]), np.array([1, 2]))


def test_one_fold_is_refused():
    with pytest.raises(InvalidRequest, match="at least two"):
        fold_accuracy(np.array([0.1, 0.9]), np.array([False, True]), np.array([1, 1]))
