"""Thresholds of relative scores, by error rate and size of the gallery, measured on labelled embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vultus.errors import InvalidRequest
from vultus.evaluation.intervals import can_be_claimed
from vultus.evaluation.relative.drawn_galleries import GalleryScores, draw_galleries
from vultus.evaluation.relative.gallery_scores import offsets_of
from vultus.evaluation.scores import Histogram, Labels, score_all_pairs
from vultus.evaluation.verification import interpolated_threshold
from vultus.matching.reference_faces import ReferenceFaces
from vultus.records.seen import Float32

FMRS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
FPIRS = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
SIZES = (1, 4, 10, 50, 150, 500, 1500, 5000, 15000)  # of galleries, in people
SMALLEST_COHORT = 10  # in smaller galleries comparisons are as without one
LEAST_STEP = 1e-3  # of a score from one rate to the next, where the photos show none

Points = tuple[tuple[float, float], ...]
Family = tuple[tuple[int, Points], ...]  # by the number of enrolled faces


@dataclass(frozen=True)
class ScoreThresholds:
    """fmr: of comparisons, with size 0 for those without a gallery; fpir: of searches. Only rates that can be claimed,
    the same at every size."""

    fmr: Family
    fpir: Family

    @property
    def smallest_fmr(self) -> float:
        return self.fmr[0][1][-1][0]

    @property
    def smallest_fpir(self) -> float:
        return self.fpir[0][1][-1][0]

    @property
    def largest_gallery(self) -> int:
        return self.fpir[-1][0]


def measure_score_thresholds(embeddings: Float32, subjects: Labels, reference: ReferenceFaces) -> ScoreThresholds:
    """Thresholds in galleries of one photo a person, of fewer than half of the people.

    embeddings: (N, D) float32 of unit length, N names or numbers. Raises: VectorMismatch when an embedding is not of
    unit length; InvalidRequest when the people are too few for two rates.
    """
    people = len(set(subjects))
    fpirs = [rate for rate in FPIRS if can_be_claimed(rate, people)]
    if len(fpirs) < 2:
        raise InvalidRequest(
            f"{people} people are too few to calibrate scores relative to other faces; {round(3 / FPIRS[1])} or more "
            "are needed, and until then the model card's thresholds are the better ones"
        )
    alone = score_all_pairs(embeddings, subjects, offsets=offsets_of(embeddings, reference), worst=0).nonmated
    drawn = draw_galleries(embeddings, subjects, [size for size in SIZES if 2 * size < people], reference.rule)
    cohorts = [one for one in drawn if one.size >= SMALLEST_COHORT]
    fmrs = [rate for rate in FMRS if all(can_be_claimed(rate, pairs) for pairs in _pairs(alone, cohorts))]
    comparisons = [(one.size, _scores(one.comparisons, fmrs)) for one in cohorts]
    searches = [(one.size, _scores(one.best, fpirs)) for one in drawn]
    return ScoreThresholds(
        ((0, _points(fmrs, _scores(alone, fmrs))), *_family(fmrs, comparisons, falling=True)),
        _family(fpirs, searches, falling=False),
    )


def _pairs(alone: Histogram, cohorts: Sequence[GalleryScores]) -> list[int]:
    """How many comparisons are behind each size."""
    return [alone.total, *(one.pairs for one in cohorts)]


def _scores(found: Histogram, rates: Sequence[float]) -> list[float]:
    return [interpolated_threshold(found, rate) for rate in rates]


def _family(rates: Sequence[float], curves: Sequence[tuple[int, list[float]]], *, falling: bool) -> Family:
    """The curves by rising size. A larger cohort takes off more, so those of comparisons do not rise with it (falling);
    the best of more is higher, so those of searches do not fall: where chance says otherwise it is overruled."""
    better = min if falling else max
    family: list[tuple[int, Points]] = []
    for size, scores in curves:
        before = [score for _, score in family[-1][1]] if family else scores
        family.append((size, _points(rates, [better(a, b) for a, b in zip(before, scores, strict=True)])))
    return tuple(family)


def _points(rates: Sequence[float], scores: Sequence[float]) -> Points:
    """(rate, score) with scores that rise."""
    risen: list[float] = []
    for score in scores:
        risen.append(max(score, risen[-1] + LEAST_STEP) if risen else score)
    return tuple(zip(rates, risen, strict=True))
