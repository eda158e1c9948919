"""Calibration: from labelled embeddings to the thresholds of a model card.

FMR counts all pairs of photos, which is customary and, where a few people with many photos resemble many others, the
stricter of the two ways. FPIR is modelled on subjects: each weighs the same, as in a gallery.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vultus.errors import InvalidRequest
from vultus.evaluation.intervals import COMPARISONS_PER_CLAIM, can_be_claimed
from vultus.evaluation.non_mated_maxima import BestScores, measure_best_scores
from vultus.evaluation.probe_mixture import SMALLEST_FPIR, fit_probe_mixture
from vultus.evaluation.scores import Labels, PairScores, number_subjects, score_all_pairs
from vultus.evaluation.verification import interpolated_threshold
from vultus.matching.rates import ProbeMixture
from vultus.records.seen import Float32

CALIBRATED_FMRS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
SEARCH_FMRS = (*CALIBRATED_FMRS, 3e-7, 1e-7)  # the last ones from the tail that is fitted to the others
GALLERY_STEPS = 5  # sizes of galleries, evenly spread on a logarithmic scale
SMALLEST_GALLERY = 10  # subjects

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class SearchThresholds:
    """The search model: see `vultus.matching.rates.SearchModel`. points: (FMR, cosine), equal weight of subjects."""

    mixture: ProbeMixture
    points: Points
    smallest_fmr: float
    smallest_fpir: float
    largest_gallery: int


@dataclass(frozen=True)
class Thresholds:
    """A calibration. points: (FMR, cosine) over all pairs, rates falling, only those that can be claimed.

    search: None if the people are too few for a search model; `note` says why.
    """

    points: Points
    comparisons: int
    mated: int
    smallest_fmr: float
    search: SearchThresholds | None
    note: str | None = None


def measure_thresholds(embeddings: Float32, subjects: Labels) -> Thresholds:
    """Thresholds from labelled embeddings: (N, D) float32 of unit length, N names or numbers.

    Raises: VectorMismatch when an embedding is not of unit length; InvalidRequest when there is one person only, no
    mated pair, or too few comparisons for two rates.
    """
    scores = score_all_pairs(embeddings, subjects, worst=0)
    points = fmr_points(scores, CALIBRATED_FMRS)
    if len(points) < 2:
        raise InvalidRequest(
            f"{scores.nonmated.total} non-mated comparisons are too few to calibrate two rates; add people and photos"
        )
    smallest = COMPARISONS_PER_CLAIM / scores.nonmated.total
    try:
        search, note = search_thresholds(embeddings, subjects), None
    except InvalidRequest as exc:
        search, note = None, f"{exc}; the comparisons of a search will count as independent, which is stricter"
    return Thresholds(points, scores.nonmated.total, scores.mated.total, smallest, search, note)


def fmr_points(scores: PairScores, targets: Sequence[float]) -> Points:
    """(FMR, cosine) for the targets that can be claimed; one with the threshold of the target before is left out."""
    claimed = [target for target in targets if can_be_claimed(target, scores.nonmated.total)]
    return _rising((target, interpolated_threshold(scores.nonmated, target)) for target in claimed)


def search_thresholds(embeddings: Float32, subjects: Labels) -> SearchThresholds:
    """The mixture of probes and its thresholds. Raises InvalidRequest when the people are too few."""
    people = int(number_subjects(subjects).max()) + 1
    if people <= 2 * SMALLEST_GALLERY:
        raise InvalidRequest(f"{people} people are too few for a model of galleries")
    sizes = sorted({int(size) for size in np.geomspace(SMALLEST_GALLERY, people - 1, GALLERY_STEPS).round()})
    measured = measure_best_scores(embeddings, subjects, sizes)
    points = _rising((fmr, measured.threshold_at_fmr(fmr)) for fmr in SEARCH_FMRS)
    return SearchThresholds(
        fit_probe_mixture(measured), points, measured.smallest_fmr, _smallest_fpir(measured), measured.sizes[-1]
    )


def _smallest_fpir(measured: BestScores) -> float:
    """The smallest FPIR to which the mixture was fitted and that so many people can claim by the rule of three."""
    return max(SMALLEST_FPIR, COMPARISONS_PER_CLAIM / measured.subjects)


def _rising(points: Iterable[tuple[float, float]]) -> Points:
    """Only points whose threshold is above the one before, as the table of a card must be."""
    kept: list[tuple[float, float]] = []
    for rate, cosine in points:
        if not kept or round(cosine, 4) > round(kept[-1][1], 4):  # cards keep four decimals
            kept.append((rate, cosine))
    return tuple(kept)
