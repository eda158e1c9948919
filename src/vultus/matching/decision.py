"""Decisions: similarity and distances, the similarity threshold of an error rate, and match, ambiguous or unknown.

Embeddings have unit length, so every distance is a function of the cosine s: cosine = 1 - s and, for both Euclidean
metrics, sqrt(2 - 2 s). One threshold on s therefore gives the same decision in every metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np

from vultus.errors import InvalidRequest
from vultus.matching.rates import RateCurve, SearchModel, independent_fmr
from vultus.matching.relative_rates import RelativeRates
from vultus.records.answers import Metric, ThresholdRule
from vultus.records.seen import Float32

LARGEST_EUCLIDEAN = 2.0
AMBIGUOUS_MARGIN = 0.03  # cosine: two subjects closer than this cannot be distinguished by one photo


def similarity(first: Float32, second: Float32) -> float:
    """The cosine in [-1, 1] of two (D,) vectors of unit length."""
    return float(np.clip(np.dot(first, second), -1, 1))


def to_distance(cosine: float, metric: Metric) -> float:
    """The distance in a metric that corresponds to a cosine similarity."""
    if metric == "cosine":
        return 1 - cosine
    return float(np.sqrt(max(2 - 2 * cosine, 0.0)))


def to_similarity(distance: float, metric: Metric) -> float:
    """The cosine similarity that corresponds to a distance in a metric. Raises InvalidRequest outside 0..2."""
    if not 0 <= distance <= LARGEST_EUCLIDEAN:
        raise InvalidRequest(f"threshold {distance} is no {metric} distance; give one between 0 and 2")
    return 1 - distance if metric == "cosine" else 1 - distance * distance / 2


def explicit_rule(model_id: str, cosine: float) -> ThresholdRule:
    """The caller's own threshold: no rate is claimed for it, so the model needs no calibration."""
    return ThresholdRule("explicit", cosine, None, model_id)


class ThresholdTable:
    """The thresholds of a model by error rate, from its measured false match rates and its search model, if known."""

    def __init__(
        self,
        model_id: str,
        points: Sequence[tuple[float, float]],
        *,
        search: SearchModel | None = None,
        relative: RelativeRates | None = None,
    ) -> None:
        """points: false match rates in (0, 1) with the cosine threshold measured for each, in any order.

        search: measured on galleries; without it the comparisons of a search count as independent. relative: of the
        scores that then decide in place of the cosine.
        """
        self.model_id = model_id
        self._curve = RateCurve(points)
        self._search = search
        self.relative = relative

    def of_cosines(self) -> ThresholdTable:
        """The same model's thresholds of cosines, whether or not relative scores decide."""
        table = copy(self)
        table.relative = None
        return table

    def for_fmr(self, fmr: float, faces: int = 0) -> ThresholdRule:
        """The threshold of a 1:1 comparison for a false match rate. faces: of the gallery that is the cohort."""
        if self.relative is not None:
            score, note = self.relative.fmr.score(fmr, faces), self.relative.why_fmr_unsupported(fmr)
            return ThresholdRule(
                "target_fmr", score, fmr, self.model_id, supported=note is None, note=note, score=score
            )
        supported, note = self._support(fmr)
        return ThresholdRule("target_fmr", self._curve.cosine(fmr), fmr, self.model_id, supported=supported, note=note)

    def for_fpir(self, fpir: float, templates: int) -> ThresholdRule:
        """The threshold of a search of `templates` templates for a false-positive identification rate.

        By the measured model of galleries; without one, the best of n independent non-mated comparisons passes with
        1 - (1 - FMR)^n, which overestimates FPIR: the threshold is then too strict, never too lax.
        """
        n = max(templates, 1)
        if self.relative is not None:
            score, note = self.relative.fpir.score(fpir, n), self.relative.why_fpir_unsupported(fpir, n)
            return replace(self._search_rule(score, fpir, n, note is None, note), score=score)
        if self._search is None:
            fmr = independent_fmr(fpir, n)
            return self._search_rule(self._curve.cosine(fmr), fpir, n, *self._support(fmr))
        fmr = self._search.mixture.fmr(fpir, n)
        note = self._search.why_unsupported(fpir, n, fmr)
        return self._search_rule(self._search.curve.cosine(fmr), fpir, n, note is None, note)

    def _search_rule(
        self, cosine: float, fpir: float, templates: int, supported: bool, note: str | None
    ) -> ThresholdRule:
        return ThresholdRule("target_fpir", cosine, fpir, self.model_id, templates, supported, note)

    def _support(self, fmr: float) -> tuple[bool, str | None]:
        """Whether the measured rates reach so far, and a note where they do not."""
        if fmr < self._curve.smallest_fmr * (1 - 1e-9):  # less a rounding of the logarithms that the curve keeps
            return False, (
                f"a false match rate of {fmr:.1e} per comparison lies beyond the smallest that was measured "
                f"({self._curve.smallest_fmr:.0e}); the threshold is extrapolated"
            )
        if fmr > self._curve.largest_fmr * (1 + 1e-9):
            return True, (
                f"the largest calibrated false match rate is {self._curve.largest_fmr:.0e}; its threshold is used"
            )
        return True, None


class Scored(Protocol):
    """What has a similarity and a score."""

    @property
    def similarity(self) -> float: ...

    @property
    def score(self) -> float: ...


def decide(lines: Sequence[Scored], rule: ThresholdRule) -> tuple[Literal["match", "ambiguous", "unknown"], str]:
    """The decision on the best lines of different subjects, with the reason in words."""
    if not lines:
        return "unknown", "the collection has no faces to compare with"
    name = "similarity" if rule.score is None else "score"
    values = sorted((float(getattr(line, name)) for line in lines), reverse=True)
    limit = rule.similarity if rule.score is None else rule.score
    shown = f"the threshold {limit:.3f}"
    if values[0] < limit:
        return "unknown", f"the best {name} {values[0]:.3f} is below {shown}"
    if len(values) > 1 and values[1] >= limit and values[0] - values[1] < AMBIGUOUS_MARGIN:
        return "ambiguous", (
            f"two subjects are above {shown} and only {values[0] - values[1]:.3f} apart, "
            f"less than the margin {AMBIGUOUS_MARGIN:g}"
        )
    return "match", f"the best {name} {values[0]:.3f} reaches {shown}"
