"""Similarity, distances, and the similarity threshold that an error rate asks for.

Embeddings have unit length, so every distance is a function of the cosine s: cosine = 1 - s and, for both Euclidean
metrics, sqrt(2 - 2 s). One threshold on s therefore decides alike in every metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from vultus.errors import InvalidRequest
from vultus.records import Float32, Metric, ThresholdRule

LARGEST_EUCLIDEAN = 2.0
AMBIGUOUS_MARGIN = 0.03  # cosine: two subjects nearer than this cannot be told apart by one photo


def similarity(first: Float32, second: Float32) -> float:
    """The cosine in [-1, 1] of two (D,) vectors of unit length."""
    return float(np.clip(np.dot(first, second), -1, 1))


def to_distance(cosine: float, metric: Metric) -> float:
    """The distance that a cosine similarity means in a metric."""
    if metric == "cosine":
        return 1 - cosine
    return float(np.sqrt(max(2 - 2 * cosine, 0.0)))


def to_similarity(distance: float, metric: Metric) -> float:
    """The cosine similarity that a distance means in a metric. Raises InvalidRequest outside the metric's range."""
    if not 0 <= distance <= LARGEST_EUCLIDEAN:
        raise InvalidRequest(f"threshold {distance} is no {metric} distance; give one between 0 and 2")
    return 1 - distance if metric == "cosine" else 1 - distance * distance / 2


class ThresholdTable:
    """Measured (FMR, cosine) pairs of one model; thresholds between them are interpolated over log10(FMR)."""

    def __init__(self, model_id: str, points: Sequence[tuple[float, float]]) -> None:
        """points: false match rates in (0, 1) with the cosine threshold measured for each, in any order."""
        ordered = sorted(points)
        self.model_id = model_id
        self._log_fmr = np.log10([fmr for fmr, _ in ordered])
        self._cosine = np.array([cosine for _, cosine in ordered])

    def for_fmr(self, fmr: float) -> ThresholdRule:
        """The threshold of a 1:1 comparison for a false match rate."""
        cosine, supported, note = self._threshold(fmr)
        return ThresholdRule("target_fmr", cosine, fmr, self.model_id, supported=supported, note=note)

    def for_fpir(self, fpir: float, templates: int) -> ThresholdRule:
        """The threshold of a search of `templates` templates for a false-positive identification rate.

        The best of n independent non-mated comparisons passes with 1 - (1 - FMR)^n (Grother, Ngan: NIST IR 8009).
        """
        n = max(templates, 1)
        fmr = -float(np.expm1(np.log1p(-fpir) / n))
        cosine, supported, note = self._threshold(fmr)
        return ThresholdRule("target_fpir", cosine, fpir, self.model_id, n, supported, note)

    def explicit(self, cosine: float) -> ThresholdRule:
        """The caller's own threshold."""
        return ThresholdRule("explicit", cosine, None, self.model_id)

    def _threshold(self, fmr: float) -> tuple[float, bool, str | None]:
        low, high = float(self._log_fmr[0]), float(self._log_fmr[-1])
        wanted = float(np.log10(fmr))
        cosine = float(np.interp(wanted, self._log_fmr, self._cosine))
        if wanted < low - 1e-9:
            slope = (self._cosine[1] - self._cosine[0]) / (self._log_fmr[1] - self._log_fmr[0])
            cosine = min(cosine + float(slope) * (wanted - low), 1.0)
            note = (
                f"a false match rate of {fmr:.1e} per comparison lies beyond the smallest that was measured "
                f"({10**low:.0e}); the threshold is extrapolated"
            )
            return cosine, False, note
        if wanted > high + 1e-9:
            return cosine, True, f"the largest calibrated false match rate is {10**high:.0e}; its threshold is used"
        return cosine, True, None


def decide(scores: Sequence[float], rule: ThresholdRule) -> tuple[Literal["match", "ambiguous", "unknown"], str]:
    """The decision on the best similarities of different subjects, best first, with the reason in words."""
    if not scores:
        return "unknown", "the collection has no faces to compare with"
    shown = f"the threshold {rule.similarity:.3f}"
    if scores[0] < rule.similarity:
        return "unknown", f"the best similarity {scores[0]:.3f} is below {shown}"
    if len(scores) > 1 and scores[1] >= rule.similarity and scores[0] - scores[1] < AMBIGUOUS_MARGIN:
        return "ambiguous", (
            f"two subjects are above {shown} and only {scores[0] - scores[1]:.3f} apart, "
            f"less than the margin {AMBIGUOUS_MARGIN:g}"
        )
    return "match", f"the best similarity {scores[0]:.3f} reaches {shown}"
