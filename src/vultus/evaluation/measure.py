"""Measurements on labelled embeddings: verification, identification, groups, pair lists, thresholds in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vultus.errors import InvalidRequest
from vultus.evaluation.identification import (
    SearchPoint,
    SearchScores,
    fnir,
    fpir,
    search_open_set,
    search_points,
    split_open_set,
)
from vultus.evaluation.intervals import Interval, Rate, bootstrap_fnmr
from vultus.evaluation.pair_list import PairList
from vultus.evaluation.relative.gallery_scores import offsets_of
from vultus.evaluation.scores import Histogram, PairScores, score_all_pairs
from vultus.evaluation.search_interval import fnir_interval
from vultus.evaluation.verification import (
    TARGET_FMRS,
    Det,
    EqualError,
    FoldAccuracy,
    OperatingPoint,
    det,
    equal_error,
    fmr,
    fnmr,
    fold_accuracy,
    operating_points,
)
from vultus.matching.reference_faces import ReferenceFaces
from vultus.records.seen import Float32

GALLERIES = 10  # drawn for the interval of FNIR: a minute for the 13,233 photos of LFW
GROUP_FMR = 1e-3  # the rate at whose threshold groups are compared

SearchThresholds = Callable[[int], Mapping[float, float]]  # of so many enrolled faces, by FPIR


@dataclass(frozen=True, eq=False)
class VerificationResult:
    """1:1 comparisons: the operating points, each with the interval of its FNMR by bootstrap over subjects.

    bootstraps: None where comparisons have no subjects (a pair list).
    """

    mated: Histogram
    nonmated: Histogram
    points: tuple[OperatingPoint, ...]
    bootstraps: tuple[Interval | None, ...]
    equal_error: EqualError
    det: Det


def measure_verification(scores: PairScores, targets: Sequence[float] = TARGET_FMRS) -> VerificationResult:
    """FNMR at each target FMR over all pairs of photos, with both intervals."""
    points = operating_points(scores.mated, scores.nonmated, targets)
    bootstraps = tuple(bootstrap_fnmr(scores, point.threshold) for point in points)
    return _result(scores.mated, scores.nonmated, points, bootstraps)


def _result(
    mated: Histogram, nonmated: Histogram, points: tuple[OperatingPoint, ...], bootstraps: tuple[Interval | None, ...]
) -> VerificationResult:
    return VerificationResult(mated, nonmated, points, bootstraps, equal_error(mated, nonmated), det(mated, nonmated))


@dataclass(frozen=True, eq=False)
class PairResult:
    """A pair list: its comparisons, and ten-fold accuracy where every pair has a fold. unscored: pairs without a face.

    accuracy counts a pair without a face as no match; the rates leave it out.
    """

    pairs: int
    unscored: int
    verification: VerificationResult
    accuracy: FoldAccuracy | None


def measure_pairs(
    vectors: Float32,
    pairs: PairList,
    targets: Sequence[float] = TARGET_FMRS,
    *,
    reference: ReferenceFaces | None = None,
) -> PairResult:
    """Score a pair list. vectors: (P, D) unit float32, one for each of its paths, NaN where no face was found.

    reference: what scores are relative to; None: they are cosines.
    Raises InvalidRequest when no mated or no non-mated pair has a score.
    """
    first, second = np.array([(pair.first, pair.second) for pair in pairs.pairs]).T
    scores = np.einsum("ij,ij->i", vectors[first], vectors[second])
    if (offsets := offsets_of(vectors, reference)) is not None:
        scores = scores - (offsets[first] + offsets[second])
    known, same = ~np.isnan(scores), pairs.same
    if not (known & same).any() or not (known & ~same).any():
        raise InvalidRequest(
            f"of {len(scores)} pairs only {int(known.sum())} have a face in both photos, all of one kind; "
            "both mated and non-mated pairs are needed"
        )
    mated, nonmated = Histogram.of(scores[known & same]), Histogram.of(scores[known & ~same])
    points = operating_points(mated, nonmated, targets)
    folds = pairs.folds
    accuracy = fold_accuracy(scores, same, folds) if folds is not None and len(np.unique(folds)) > 1 else None
    verification = _result(mated, nonmated, points, (None,) * len(points))
    return PairResult(len(scores), int((~known).sum()), verification, accuracy)


@dataclass(frozen=True)
class SearchInUse:
    """A threshold that the service uses for an FPIR in a gallery of `faces`, and the rates found at it."""

    asked: float
    faces: int
    threshold: float
    fpir: Rate
    fnir: Rate


def measure_search(
    embeddings: Float32,
    subjects: Sequence[str],
    *,
    gallery_subjects: int | None = None,
    templates: int = 1,
    reference: ReferenceFaces | None = None,
    in_use: SearchThresholds | None = None,
) -> tuple[tuple[SearchPoint, ...], tuple[SearchInUse, ...]]:
    """Open-set identification with a gallery drawn at random: FNIR at each target FPIR and threshold in use, rank 1.

    The interval over people comes from GALLERIES galleries, the rates from the first of them.
    reference: what scores are relative to, beside the gallery; None: they are cosines. in_use: the service's
    thresholds by FPIR, of a number of enrolled faces. gallery_subjects: N, half of the people when None, or as many of
    them as have `templates` photos.
    Raises InvalidRequest when no such gallery can be drawn.
    """
    photos = np.unique(np.asarray(subjects), return_counts=True)[1]
    possible = min(len(photos) // 2, int((photos >= templates).sum()))
    size = possible if gallery_subjects is None else gallery_subjects
    splits = (split_open_set(subjects, size, templates=templates, seed=seed) for seed in range(GALLERIES))
    galleries = [search_open_set(embeddings, subjects, split, reference) for split in splits]
    points = tuple(
        point if point.note else replace(point, fnir_people=fnir_interval(galleries, point.target_fpir))
        for point in search_points(galleries[0])
    )
    return points, () if in_use is None else _search_in_use(galleries[0], in_use)


def _search_in_use(scores: SearchScores, in_use: SearchThresholds) -> tuple[SearchInUse, ...]:
    faces = scores.subjects * scores.templates
    return tuple(
        SearchInUse(asked, faces, threshold, fpir(scores, threshold), fnir(scores, threshold))
        for asked, threshold in in_use(faces).items()
    )


@dataclass(frozen=True)
class GroupResult:
    """One group of people compared only among themselves, at the threshold of the whole.

    fmr, fnmr: at `threshold`; None with a note where the group has no such comparison.
    """

    name: str
    subjects: int
    photos: int
    threshold: float
    fmr: Rate | None
    fnmr: Rate | None
    fnmr_bootstrap: Interval | None
    note: str | None


def measure_groups(
    embeddings: Float32,
    subjects: Sequence[str],
    groups: Sequence[str | None],
    threshold: float,
    *,
    reference: ReferenceFaces | None = None,
) -> tuple[GroupResult, ...]:
    """Each group at the same threshold; photos without a group form one more, named "(none)"."""
    names = np.array([name or "(none)" for name in groups])
    people = np.asarray(subjects)
    return tuple(
        _measure_group(str(name), embeddings[names == name], people[names == name].tolist(), threshold, reference)
        for name in np.unique(names)
    )


def _measure_group(
    name: str, embeddings: Float32, subjects: list[str], threshold: float, reference: ReferenceFaces | None
) -> GroupResult:
    people = len(set(subjects))
    try:
        scores = score_all_pairs(embeddings, subjects, offsets=offsets_of(embeddings, reference))
    except InvalidRequest as exc:
        return GroupResult(name, people, len(subjects), threshold, None, None, None, str(exc))
    return GroupResult(
        name,
        people,
        len(subjects),
        threshold,
        fmr(scores.nonmated, threshold),
        fnmr(scores.mated, threshold),
        bootstrap_fnmr(scores, threshold),
        None,
    )


@dataclass(frozen=True)
class InUse:
    """A threshold that the service uses for an FMR, and the rates found at it."""

    asked: float
    threshold: float
    fmr: Rate
    fnmr: Rate


def measure_in_use(scores: PairScores, thresholds: Mapping[float, float]) -> tuple[InUse, ...]:
    """The rates at thresholds that were set elsewhere. thresholds: by the FMR asked for."""
    return tuple(
        InUse(asked, threshold, fmr(scores.nonmated, threshold), fnmr(scores.mated, threshold))
        for asked, threshold in thresholds.items()
    )
