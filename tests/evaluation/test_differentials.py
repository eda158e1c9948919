from __future__ import annotations

import pytest

from vultus.evaluation.differentials import gini_coefficient, measure_differentials
from vultus.evaluation.intervals import Rate
from vultus.evaluation.measure import GroupResult


def group(name: str, false_matches: int, misses: int) -> GroupResult:
    return GroupResult(name, 5, 10, 0.5, Rate(false_matches, 1000), Rate(misses, 100), None, None)


def test_the_ratio_is_that_of_the_worst_group_to_the_best():
    fmr, fnmr = measure_differentials([group("a", 2, 5), group("b", 8, 5), group("c", 5, 5)])
    assert (fmr.lowest[0], fmr.highest[0], fmr.groups) == ("a", "b", 3)
    assert fmr.ratio == pytest.approx(4)
    assert (fnmr.ratio, fnmr.gini, fnmr.note) == (1, 0, None)


def test_gini_by_hand():
    """Rates 2, 8, 5: differences 6, 3, 3, each twice, 24 in all; mean 5: 3 / 2 * 24 / (2 * 9 * 5) = 0.4."""
    assert gini_coefficient([2, 8, 5]) == pytest.approx(0.4)
    assert gini_coefficient([0, 0, 1]) == pytest.approx(1)
    assert gini_coefficient([0, 0]) is None


def test_a_group_without_an_error_has_no_ratio_but_a_bound():
    fmr, _ = measure_differentials([group("a", 0, 5), group("b", 8, 5)])
    assert (fmr.ratio, fmr.gini) == (None, 1)
    assert "a 3.0e-03" in fmr.note


def test_one_group_has_no_differential():
    alone = GroupResult("b", 1, 2, 0.5, None, None, None, "show one person")
    assert measure_differentials([group("a", 1, 1), alone]) == ()
