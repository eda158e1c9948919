"""Split-half tests: thresholds set on one half of the people and measured on the other, both ways, in some splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InvalidRequest
from vultus.evaluation.intervals import can_be_claimed
from vultus.evaluation.non_mated_maxima import BestScores, measure_best_scores
from vultus.evaluation.probe_mixture import AskedAndFound, asked_and_found, fit_probe_mixture
from vultus.evaluation.relative.drawn_galleries import GalleryScores, draw_galleries, fpir_asked_and_found
from vultus.evaluation.relative.gallery_scores import offsets_of
from vultus.evaluation.scores import Labels, PairScores, number_subjects, score_all_pairs
from vultus.evaluation.verification import fmr, interpolated_threshold
from vultus.matching.reference_faces import ReferenceFaces
from vultus.records.seen import Float32

ASKED_FMRS = (1e-2, 1e-3, 1e-4)
ASKED_FPIRS = (0.1, 0.01)
SPLITS = 5
ROUND_SIZES = tuple(digit * 10**power for power in range(1, 7) for digit in (1, 2, 5))
GALLERIES = 3  # sizes of galleries that are tested
SMALLEST_HALF = 40  # people: with fewer a gallery says nothing


@dataclass(frozen=True)
class FmrFound:
    """One target FMR. thresholds: (2 S,) of every half of S splits.

    factors: (2 S,) FMR found on the other half / asked; all pairs of photos count the same, as when thresholds are set,
    so that a few people with many photos make these vary. balanced: the same with equal weight for each subject, in
    thresholds and rates. supported: every half can claim the rate.
    """

    asked: float
    thresholds: tuple[float, ...]
    factors: tuple[float, ...]
    balanced: tuple[float, ...]
    supported: bool


@dataclass(frozen=True)
class FpirFound:
    """One target FPIR in galleries of `size` subjects.

    factors: (2 S,) FPIR found / asked, by the mixture of probes; independent: the same, comparisons taken as
    independent. supported: the FMR that it needs is one that every half's false matches support. Of relative scores
    galleries are drawn: nothing is independent then, and supported is what the people of every half can claim.
    """

    size: int
    asked: float
    factors: tuple[float, ...]
    independent: tuple[float, ...]
    supported: bool


@dataclass(frozen=True)
class HalvesResult:
    """The result of all splits. people: in each half. fpir: empty if the halves are too small; `note` then says so."""

    people: tuple[int, int]
    splits: int
    fmr: tuple[FmrFound, ...]
    fpir: tuple[FpirFound, ...]
    note: str | None = None


@dataclass(frozen=True, eq=False)
class _Half:
    """The scores of half the people, by pairs of photos and by searches; drawn: of relative scores, by size."""

    pairs: PairScores
    galleries: BestScores
    drawn: tuple[GalleryScores, ...] = ()


Directions = Sequence[tuple[_Half, _Half]]  # thresholds from the first, rates on the second


def split_identities(subjects: Labels, seed: int = 0) -> NDArray[np.bool_]:
    """(N,): whether each photo is of the first half of the people, which is drawn at random."""
    labels = number_subjects(subjects)
    people = int(labels.max()) + 1
    chosen = np.random.default_rng(seed).permutation(people) < people // 2
    return chosen[labels]


def compare_halves(
    embeddings: Float32,
    subjects: Labels,
    *,
    sizes: Sequence[int] | None = None,
    fmrs: Sequence[float] = ASKED_FMRS,
    fpirs: Sequence[float] = ASKED_FPIRS,
    splits: int = SPLITS,
    reference: ReferenceFaces | None = None,
) -> HalvesResult:
    """Error rates asked of one half of the people and found in the other, in both directions of every split.

    embeddings: (N, D) float32 of unit length. sizes: subjects in the galleries, three round numbers when None.
    reference: what scores are relative to; None: they are cosines.
    Raises InvalidRequest when a half has no mated pair or the people are too few.
    """
    people = len(np.unique(np.asarray(subjects)))
    halves = people // 2, people - people // 2
    if halves[0] < SMALLEST_HALF:
        raise InvalidRequest(
            f"{people} people are too few to set thresholds on one half and measure them on the other; "
            f"{2 * SMALLEST_HALF} are needed"
        )
    wanted = tuple(sizes or gallery_sizes(halves[0] - 1))
    directions: list[tuple[_Half, _Half]] = []
    for seed in range(splits):
        first = split_identities(subjects, seed)
        one, other = (_measure(embeddings, np.asarray(subjects), part, wanted, reference) for part in (first, ~first))
        directions += [(one, other), (other, one)]
    found = tuple(_fmr_found(directions, asked) for asked in fmrs)
    if reference is not None:
        return HalvesResult(halves, splits, found, _drawn_fpir(directions, fpirs))
    try:
        return HalvesResult(halves, splits, found, _fpir_found(directions, fpirs, wanted))
    except InvalidRequest as exc:
        return HalvesResult(halves, splits, found, (), str(exc))


def gallery_sizes(most: int) -> tuple[int, ...]:
    """The three largest round numbers of subjects that are no more than `most`."""
    return tuple(size for size in ROUND_SIZES if size <= most)[-GALLERIES:]


def _measure(
    embeddings: Float32,
    subjects: NDArray[np.generic],
    part: NDArray[np.bool_],
    sizes: Sequence[int],
    reference: ReferenceFaces | None,
) -> _Half:
    vectors, names = embeddings[part], subjects[part]
    offsets = offsets_of(vectors, reference)
    pairs = score_all_pairs(vectors, names, offsets=offsets, worst=0)
    if reference is None:
        return _Half(pairs, measure_best_scores(vectors, names, sizes))
    alone = measure_best_scores(vectors, names, [1], offsets=offsets)
    return _Half(pairs, alone, draw_galleries(vectors, names, sizes, reference.rule))


def _fmr_found(directions: Directions, asked: float) -> FmrFound:
    thresholds = tuple(interpolated_threshold(one.pairs.nonmated, asked) for one, _ in directions)
    found = zip(directions, thresholds, strict=True)
    return FmrFound(
        asked,
        thresholds,
        tuple(fmr(other.pairs.nonmated, at).value / asked for (_, other), at in found),
        tuple(other.galleries.fpir(1, one.galleries.threshold_at_fmr(asked)) / asked for one, other in directions),
        all(can_be_claimed(asked, one.pairs.nonmated.total) for one, _ in directions),
    )


def _fpir_found(directions: Directions, targets: Sequence[float], sizes: Sequence[int]) -> tuple[FpirFound, ...]:
    """One row for every target and size. Raises InvalidRequest when the galleries are too small to fit the mixture."""
    mixed, plain = [], []
    for one, other in directions:
        fitted = fit_probe_mixture(one.galleries)
        mixed.append(asked_and_found(one.galleries, other.galleries, targets, mixture=fitted))
        plain.append(asked_and_found(one.galleries, other.galleries, targets))
    rows = zip(zip(*mixed, strict=True), zip(*plain, strict=True), strict=True)
    return tuple(_fpir_row(lines, independent) for lines, independent in rows if lines[0].size in sizes)


def _drawn_fpir(directions: Directions, targets: Sequence[float]) -> tuple[FpirFound, ...]:
    """The same for relative scores, whose galleries were drawn."""
    found = [fpir_asked_and_found(one.drawn, other.drawn, targets) for one, other in directions]
    return tuple(
        FpirFound(
            lines[0].size,
            lines[0].asked,
            tuple(line.factor for line in lines),
            (),
            all(line.supported for line in lines),
        )
        for lines in zip(*found, strict=True)
    )


def _fpir_row(lines: Sequence[AskedAndFound], independent: Sequence[AskedAndFound]) -> FpirFound:
    return FpirFound(
        lines[0].size,
        lines[0].asked,
        tuple(line.factor for line in lines),
        tuple(line.factor for line in independent),
        all(line.supported for line in lines),
    )
