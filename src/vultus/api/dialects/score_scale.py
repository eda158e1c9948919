"""Another service's scale of similarities, anchored at false match rates: so a client's threshold keeps its meaning.

A service of another model puts the same faces at other numbers, so neither cosines nor its own formula carry over. What
carries over is the rate: a threshold that lets one in ten thousand other people pass there, lets one in ten thousand
pass here. Between two anchors the value is linear in the score, so it never falls where the score rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vultus.matching.decision import ThresholdTable

LOWEST, HIGHEST = -1.0, 1.0  # of a score
LEAST_STEP = 1e-6  # between the scores of two anchors, where an extrapolated curve has none


@dataclass(frozen=True)
class ScoreScale:
    """anchors: (false match rate, value), rates falling, values rising. least, most: of the scale."""

    anchors: tuple[tuple[float, float], ...]
    least: float
    most: float

    def values(self, scores: Sequence[float], table: ThresholdTable, faces: int = 0) -> list[float]:
        """The value of each score, in the order given.

        scores: those by which the model decides: relative ones where it has them, else cosines. faces: enrolled ones in
        the gallery that the scores are relative to; 0 for two photos.
        """
        at = [LOWEST, *self.scores(table, faces), HIGHEST]
        values = [self.least, *(value for _, value in self.anchors), self.most]
        return [float(value) for value in np.interp(scores, _rising(at), values)]

    def scores(self, table: ThresholdTable, faces: int = 0) -> list[float]:
        """The score of each anchor: the threshold of its rate."""
        rules = [table.for_fmr(rate, faces) for rate, _ in self.anchors]
        return [rule.similarity if rule.score is None else rule.score for rule in rules]


def _rising(scores: Sequence[float]) -> list[float]:
    """The scores, each at least a step above the one before."""
    rising = [scores[0]]
    for score in scores[1:]:
        rising.append(max(score, rising[-1] + LEAST_STEP))
    return rising
