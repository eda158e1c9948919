"""Percentages of scores: anchored at error rates, and rising with the score."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.matching.decision import ThresholdTable
from vultus.matching.percent_scale import pair_scale, search_scale

TABLE = ThresholdTable("m", [(1e-1, 0.2), (1e-2, 0.3), (1e-3, 0.4), (1e-4, 0.5), (1e-5, 0.6)])


@pytest.mark.parametrize(
    ("score", "percent"),
    # the line goes on below 1e-5: one tenth a decade, so 1e-7 has 0.8
    [(-2.0, 0), (0.2, 50), (0.5, 80), (0.55, 85), (0.6, 90), (0.7, 95), (0.8, 99), (1.0, 100), (0.35, 65)],
)
def test_a_pair_at_the_score_of_a_rate_has_its_percentage(score: float, percent: float) -> None:
    assert pair_scale(TABLE, 1e-4).percent(score) == pytest.approx(percent, abs=0.01)


def test_80_is_the_threshold_of_a_search_whatever_the_size_of_the_gallery() -> None:
    for templates in (1, 100, 10_000):
        threshold = TABLE.for_fpir(0.01, templates).similarity
        assert search_scale(TABLE, 0.01, templates).percent(threshold) == pytest.approx(80)


def test_a_higher_score_never_has_a_lower_percentage() -> None:
    steep = ThresholdTable("m", [(1e-1, 0.9), (1e-4, 0.99)])  # extrapolated beyond 1, which is the highest cosine
    for scale in (pair_scale(steep, 1e-4), search_scale(steep, 0.01, 1000), pair_scale(TABLE, 0.5)):
        percents = [scale.percent(score) for score in np.linspace(-2, 1.1, 500)]
        assert percents == sorted(percents)
        assert (percents[0], percents[-1]) == (0, 100)
