"""The thresholds of relative scores by error rate and size of the gallery.

Relative scores (see `search/cohort.py`) are measured among people alike, in galleries of some sizes; between these, and
between the measured rates, the threshold is linear in the logarithms of both. Beyond the largest gallery the line
through the last sizes goes on: the best of n scores of one kind grows with the logarithm of n where their tail is
exponential (Gumbel, Statistics of Extremes, 1958), and more slowly where it is thinner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Points = Sequence[tuple[float, float]]  # (rate, score), rates falling
Family = Sequence[tuple[int, Points]]  # by the number of enrolled faces, rising


class ScoreSurface:
    """A threshold by error rate and number of enrolled faces."""

    def __init__(self, family: Family) -> None:
        """family: (enrolled faces, (rate, score) pairs), the same rates for each."""
        self._sizes = np.array([size for size, _ in family], np.float64)
        self._log_rates = np.log10([rate for rate, _ in family[0][1]])[::-1]
        self._scores = np.array([[score for _, score in points] for _, points in family])[:, ::-1]

    @property
    def largest(self) -> int:
        """The largest gallery measured."""
        return int(self._sizes[-1])

    def score(self, rate: float, faces: int) -> float:
        """The score at or above which a comparison, or the best of a search, matches."""
        column = [_line(float(np.log10(rate)), self._log_rates, row) for row in self._scores]
        if len(column) == 1:
            return column[0]
        return _line(float(np.log1p(faces)), np.log1p(self._sizes), np.array(column), beyond="high")


@dataclass(frozen=True, eq=False)
class RelativeRates:
    """The thresholds of a model's relative scores, and how far they were measured.

    fmr: of comparisons, by the faces of the gallery that is their cohort, 0 without one. fpir: of searches.
    smallest_fmr, smallest_fpir: the smallest rates that the data support; largest_gallery: in enrolled faces.
    """

    fmr: ScoreSurface
    fpir: ScoreSurface
    smallest_fmr: float
    smallest_fpir: float
    largest_gallery: int

    def why_fmr_unsupported(self, fmr: float) -> str | None:
        """The sentence that says that a comparison's rate was not measured; None when it was."""
        if fmr < self.smallest_fmr * (1 - 1e-9):
            return (
                f"a false match rate of {fmr:.1e} lies beyond the smallest that was measured among people alike "
                f"({self.smallest_fmr:.0e}); the threshold is extrapolated"
            )
        return None

    def why_fpir_unsupported(self, fpir: float, faces: int) -> str | None:
        """The same for a search of so many enrolled faces."""
        if faces > self.largest_gallery:
            return (
                f"galleries of up to {self.largest_gallery:,} faces were measured; for {faces:,} the threshold is "
                "the best estimate"
            )
        if fpir < self.smallest_fpir * (1 - 1e-9):
            return (
                f"false-positive identification rates down to {self.smallest_fpir:.0e} were measured; "
                "the threshold is extrapolated"
            )
        return None


def _line(at: float, places: np.ndarray, values: np.ndarray, *, beyond: str = "low") -> float:
    """Linear between the places; beyond the lowest, or the highest, the line through the last two goes on."""
    if beyond == "low" and at < places[0]:
        return float(values[0] + (values[1] - values[0]) / (places[1] - places[0]) * (at - places[0]))
    if beyond == "high" and at > places[-1]:
        slope = max((values[-1] - values[-2]) / (places[-1] - places[-2]), 0.0)
        return float(values[-1] + slope * (at - places[-1]))
    return float(np.interp(at, places, values))
