"""Scores as percentages, 0..100, for clients that know no other: a map that only rises, anchored at error rates.

80 is the score of the error rate that this service decides by, so that whoever asks for 80 has its decisions; each
further step is a tenth, a hundredth, a thousandth of that rate. Beyond what was measured the curves are extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vultus.matching.decision import ThresholdTable
from vultus.records.answers import ThresholdRule

# (percentage, share of the rate that is decided by)
ANCHORS = ((80.0, 1.0), (90.0, 1e-1), (95.0, 1e-2), (99.0, 1e-3), (100.0, 1e-6))
LOOSE_PERCENT, LOOSEST_RATE = 50.0, 0.1  # below 80: half the scale at a rate that decides nothing
UNDECIDED = LOOSE_PERCENT  # at most, of a face that cannot be decided on: no threshold that decides lets it pass
LOWEST_SCORE = -2.0  # of a relative score; 0 %
STEP = 1e-6  # between anchors whose scores coincide


@dataclass(frozen=True)
class PercentScale:
    """Rising scores and their percentages; between them linear."""

    scores: tuple[float, ...]
    percents: tuple[float, ...]

    def percent(self, score: float) -> float:
        """0..100; a higher score never has a lower one."""
        return float(np.interp(score, self.scores, self.percents))

    def at_most(self, percent: float) -> PercentScale:
        """The same without what is above this percentage."""
        return replace(self, percents=tuple(min(one, percent) for one in self.percents))


def pair_scale(table: ThresholdTable, rate: float) -> PercentScale:
    """The scale of comparisons of two photos. rate: the false match rate that is decided by, at 80."""
    return _scale(lambda fmr: _score(table.for_fmr(fmr)), rate)


def search_scale(table: ThresholdTable, rate: float, templates: int) -> PercentScale:
    """The scale of searches of so many templates. rate: the false-positive identification rate, at 80."""
    return _scale(lambda fpir: _score(table.for_fpir(fpir, templates)), rate)


def _score(rule: ThresholdRule) -> float:
    return rule.similarity if rule.score is None else rule.score


def _scale(score_of: Callable[[float], float], rate: float) -> PercentScale:
    loose = max(LOOSEST_RATE, min(10 * rate, 0.9))
    points: Sequence[tuple[float, float]] = [
        (0.0, LOWEST_SCORE),
        (LOOSE_PERCENT, score_of(loose)),
        *((percent, score_of(share * rate)) for percent, share in ANCHORS),
    ]
    scores: list[float] = []
    for _, score in points:
        scores.append(max(score, scores[-1] + STEP) if scores else score)
    return PercentScale(tuple(scores), tuple(percent for percent, _ in points))
