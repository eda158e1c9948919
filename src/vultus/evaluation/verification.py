"""Verification (1:1): FMR, FNMR, DET, EER, thresholds at a target FMR, ten-fold accuracy.

A comparison matches when its cosine is at or above the threshold. Terms: ISO/IEC 19795-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InvalidRequest
from vultus.evaluation.intervals import Rate, why_not_claimed
from vultus.evaluation.scores import Histogram

TARGET_FMRS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
DET_POINTS = 512
HEADLINE_FMR = 1e-3  # of the few numbers that a report begins with

Float64 = NDArray[np.float64]


def fmr(nonmated: Histogram, threshold: float) -> Rate:
    """The false match rate: non-mated comparisons at or above the threshold."""
    return Rate(nonmated.at_or_above(threshold), nonmated.total)


def fnmr(mated: Histogram, threshold: float) -> Rate:
    """The false non-match rate: mated comparisons below the threshold."""
    return Rate(mated.total - mated.at_or_above(threshold), mated.total)


def threshold_at_fmr(nonmated: Histogram, target: float) -> float:
    """The smallest threshold, to the width of a bin, at which FMR is no more than the target in [0, 1]."""
    allowed = np.floor(target * nonmated.total * (1 + 1e-12))  # 1e-3 of 3,000 are 3, not 2.9999...
    return float(nonmated.edges[np.argmax(nonmated.at_or_above_edges <= allowed)])


def interpolated_threshold(nonmated: Histogram, target: float) -> float:
    """The threshold at which FMR is the target, linear in log10(FMR) between the scores that were found.

    Smoother than `threshold_at_fmr` where few scores are left. Not extrapolated: below 1 / comparisons it is the
    highest score. Raises InvalidRequest when there is no score.
    """
    filled = np.flatnonzero(nonmated.counts)
    if not len(filled):
        raise InvalidRequest("there is no non-mated comparison; give at least two people")
    rates = nonmated.at_or_above_edges[filled] / nonmated.total
    wanted = np.log10(max(target, 1e-300))
    return float(np.interp(-wanted, -np.log10(rates), nonmated.edges[filled]))


@dataclass(frozen=True)
class OperatingPoint:
    """The smallest threshold that keeps one target FMR, and the rates found at that threshold.

    note: why the target cannot be claimed, None when it can.
    """

    target_fmr: float
    threshold: float
    fmr: Rate
    fnmr: Rate
    note: str | None

    @property
    def supported(self) -> bool:
        return self.note is None


def operating_points(
    mated: Histogram, nonmated: Histogram, targets: Sequence[float] = TARGET_FMRS
) -> tuple[OperatingPoint, ...]:
    """FNMR at each target FMR, with thresholds and counts."""
    return tuple(_operating_point(mated, nonmated, target) for target in targets)


def _operating_point(mated: Histogram, nonmated: Histogram, target: float) -> OperatingPoint:
    threshold = threshold_at_fmr(nonmated, target)
    return OperatingPoint(
        target,
        threshold,
        fmr(nonmated, threshold),
        fnmr(mated, threshold),
        why_not_claimed(target, nonmated.total),
    )


def smallest_supported(points: Sequence[OperatingPoint], least: float = HEADLINE_FMR) -> OperatingPoint | None:
    """The point of the FMR `least`, or of the smallest FMR above it that can be claimed; None when none can."""
    usable = [point for point in points if point.supported and point.target_fmr >= least * (1 - 1e-9)]
    return min(usable, key=lambda point: point.target_fmr, default=None)


@dataclass(frozen=True, eq=False)
class Det:
    """A detection error trade-off curve: (P,) float64 each, by rising threshold, so FMR falls and FNMR rises."""

    thresholds: Float64
    fmr: Float64
    fnmr: Float64


def det(mated: Histogram, nonmated: Histogram, points: int = DET_POINTS) -> Det:
    """At most `points` points of the DET curve, spread over the logarithms of both error rates."""
    false_matches, false_non_matches = _rates(mated, nonmated)
    half = points // 2
    by_fmr = np.searchsorted(-false_matches, -np.geomspace(1, 1 / nonmated.total, half), side="left")
    by_fnmr = np.searchsorted(false_non_matches, np.geomspace(1 / mated.total, 1, points - half), side="left")
    chosen = np.unique(np.clip(np.concatenate([by_fmr, by_fnmr]), 0, len(false_matches) - 1))
    return Det(mated.edges[chosen], false_matches[chosen], false_non_matches[chosen])


def _rates(mated: Histogram, nonmated: Histogram) -> tuple[Float64, Float64]:
    return nonmated.at_or_above_edges / nonmated.total, 1 - mated.at_or_above_edges / mated.total


@dataclass(frozen=True)
class EqualError:
    """Where FMR equals FNMR: the rate, and the threshold."""

    rate: float
    threshold: float


def equal_error(mated: Histogram, nonmated: Histogram) -> EqualError:
    """The equal error rate, interpolated linearly between the two edges around the crossing."""
    false_matches, false_non_matches = _rates(mated, nonmated)
    gap = false_non_matches - false_matches  # rises from -1 to 1
    above = int(np.argmax(gap >= 0))
    part = gap[above - 1] / (gap[above - 1] - gap[above])
    rate = false_matches[above - 1] + part * (false_matches[above] - false_matches[above - 1])
    threshold = mated.edges[above - 1] + part * (mated.edges[above] - mated.edges[above - 1])
    return EqualError(float(rate), float(threshold))


@dataclass(frozen=True)
class FoldAccuracy:
    """Ten-fold accuracy: mean and standard error over the folds; each fold's accuracy and threshold; pairs unscored."""

    mean: float
    standard_error: float
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]
    unscored: int


def fold_accuracy(scores: NDArray[np.floating], same: NDArray[np.bool_], folds: NDArray[np.integer]) -> FoldAccuracy:
    """Accuracy of a pair protocol: each fold is scored with the threshold that is best on all the others.

    scores: (P,) cosines, NaN where a photo had no face: such a pair never matches. same: (P,) whether mated.
    folds: (P,) the fold of each pair. The standard error is the sample deviation over the root of the number of folds.
    Raises InvalidRequest for fewer than two folds, or when no pair of the others has a score.
    Source: Huang et al., Labeled Faces in the Wild, UMass TR 07-49 (2007), section III (View 2).
    """
    names = np.unique(folds)
    if len(names) < 2:
        raise InvalidRequest(f"the pair list has {len(names)} fold; ten-fold accuracy needs at least two")
    known = ~np.isnan(scores)
    thresholds, accuracies = [], []
    for fold in names:
        others = known & (folds != fold)
        threshold = best_threshold(scores[others], same[others])
        matched = known & (scores >= threshold)
        thresholds.append(threshold)
        accuracies.append(float((matched == same)[folds == fold].mean()))
    error = float(np.std(accuracies, ddof=1) / np.sqrt(len(names)))
    return FoldAccuracy(float(np.mean(accuracies)), error, tuple(accuracies), tuple(thresholds), int((~known).sum()))


def best_threshold(scores: NDArray[np.floating], same: NDArray[np.bool_]) -> float:
    """The threshold of the highest accuracy, midway between two scores; of several equally good ones, the middle one.

    Raises InvalidRequest when there is no score.
    """
    if not len(scores):
        raise InvalidRequest("no pair has a score, so no threshold can be chosen; a face was found in none of them")
    order = np.argsort(scores, kind="stable")
    ranked, mated = scores[order].astype(np.float64), same[order]
    right = np.concatenate([[0], np.cumsum(~mated)]) + mated.sum() - np.concatenate([[0], np.cumsum(mated)])
    cuts = np.concatenate([[ranked[0]], (ranked[1:] + ranked[:-1]) / 2, [ranked[-1] + 1e-6]])
    possible = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    best = np.flatnonzero(possible & (right == right[possible].max()))
    return float(cuts[best[(len(best) - 1) // 2]])
