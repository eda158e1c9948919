"""DeepFace's `confidence`, 0..100: a monotone map of the score, anchored at error rates.

As there, a match has 51 or more and all else 49 or less. The anchors are the thresholds of the rates that are a
thousandth to a thousand times the rate that decides: the false match rate of a comparison, the false-positive
identification rate of a search. Between anchors the map is linear in the score.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vultus.matching.decision import ThresholdTable
from vultus.records.answers import ThresholdRule
from vultus.service.context import Policy
from vultus.service.policies import default_fmr

HIGHEST, LOWEST_MATCH, HIGHEST_OTHER = 100.0, 51.0, 49.0
# share of the rate that decides -> confidence
ANCHORS = ((1000.0, 5.0), (100.0, 15.0), (10.0, 30.0), (1.0, 50.0), (0.1, 70.0), (0.01, 85.0), (0.001, 95.0))
ENDS = ((-1.0, 0.0), (1.0, HIGHEST))  # score, confidence
LARGEST_RATE = 0.5


class ConfidenceScale:
    """The confidence of each score that one rule decides on."""

    def __init__(self, rule: ThresholdRule, table: ThresholdTable) -> None:
        """table: the thresholds of the rule's model."""
        threshold_of, rate = _rates(rule, table)
        points = [ENDS[0]]
        for share, value in ANCHORS:
            if rate * share <= LARGEST_RATE:
                score = threshold_of(rate * share)
                if points[-1][0] < score < ENDS[1][0]:
                    points.append((score, value))
        self._scores, self._values = zip(*points, ENDS[1], strict=True)
        self._is_relative = rule.score is not None

    def value(self, similarity: float, score: float, *, verified: bool) -> float:
        """0..100, two decimals, of a pair; verified: whether it is a match."""
        value = float(np.interp(score if self._is_relative else similarity, self._scores, self._values))
        return round(max(value, LOWEST_MATCH) if verified else min(value, HIGHEST_OTHER), 2)


def _rates(rule: ThresholdRule, table: ThresholdTable) -> tuple[Callable[[float], float], float]:
    """The score at a rate, and the rate that decides; its default where the rule can state none for these faces."""
    if rule.kind == "target_fpir":
        size = rule.templates or 1
        return lambda rate: _decisive(table.for_fpir(rate, size)), rule.expected or Policy.target_fpir
    return lambda rate: _decisive(table.for_fmr(rate)), rule.expected or default_fmr(table)


def _decisive(rule: ThresholdRule) -> float:
    return rule.similarity if rule.score is None else rule.score
