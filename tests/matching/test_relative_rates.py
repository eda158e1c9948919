"""Thresholds of relative scores by rate and size of the gallery."""

from __future__ import annotations

import pytest

from vultus.matching.relative_rates import RelativeRates, ScoreSurface

SURFACE = ScoreSurface([(0, [(1e-1, -0.1), (1e-3, 0.1)]), (99, [(1e-1, 0.0), (1e-3, 0.3)])])


@pytest.mark.parametrize(
    ("rate", "faces", "score"),
    [
        (1e-1, 0, -0.1),
        (1e-2, 0, 0.0),
        (1e-3, 99, 0.3),
        (1e-2, 9, 0.075),  # halfway in the logarithm of faces + 1
        (1e-4, 0, 0.2),  # below the smallest rate the line goes on
        (0.5, 0, -0.1),  # above the largest the threshold stays
        (1e-3, 9999, 0.5),  # beyond the largest gallery the line goes on
    ],
)
def test_scores_between_and_beyond_what_was_measured(rate, faces, score):
    assert SURFACE.score(rate, faces) == pytest.approx(score)


def test_a_surface_of_one_size_does_not_depend_on_the_size():
    assert ScoreSurface([(0, [(1e-1, -0.1), (1e-3, 0.1)])]).score(1e-2, 500) == pytest.approx(0)


def test_what_was_not_measured_is_said():
    rates = RelativeRates(SURFACE, SURFACE, smallest_fmr=1e-3, smallest_fpir=1e-2, largest_gallery=99)
    assert rates.why_fmr_unsupported(1e-3) is None
    assert "1.0e-04 lies beyond the smallest" in str(rates.why_fmr_unsupported(1e-4))
    assert rates.why_fpir_unsupported(1e-2, 99) is None
    assert "up to 99 faces were measured; for 100" in str(rates.why_fpir_unsupported(1e-2, 100))
    assert "down to 1e-02" in str(rates.why_fpir_unsupported(1e-3, 99))
