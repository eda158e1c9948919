"""The scores of all pairs of embeddings: two fine histograms, the mated pairs and the highest non-mated ones.

Scores are cosines, or relative: cosines less an offset of each photo. N embeddings make N (N - 1) / 2 comparisons, 87
million for LFW: too many to keep, few enough to compute. They are computed a tile at a time by a matrix product,
counted, and dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InvalidRequest, VectorMismatch
from vultus.records.seen import Float32

BINS = 2**20  # over [-1, 1]: 1.9e-6 wide, some ten times the rounding error of a float32 cosine
ROWS, COLUMNS = 512, 8192  # of a tile: 16 MiB of float32
WORST_KEPT = 1000
MAX_MATED_PAIRS = 20_000_000  # 12 bytes each: 240 MB; at most 6,325 photos of one person
UNIT_TOLERANCE = 1e-3  # of a length: float32 and int8 models are well within it

Indices = NDArray[np.int32]
Counts = NDArray[np.int64]
Labels = Sequence[str] | NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Histogram:
    """The number of scores in each of B equal bins over [-1, 1]: `counts` (B,) int64, lowest score first.

    Scores beyond, as relative ones may be, are in the first or the last bin.
    """

    counts: Counts

    @classmethod
    def of(cls, scores: Float32, bins: int = BINS) -> Histogram:
        """The histogram of scores, of any shape."""
        return cls(_count(scores, bins))

    @property
    def total(self) -> int:
        return int(self.at_or_above_edges[0])

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """(B + 1,): the lower edge of every bin, then 1."""
        return np.linspace(-1.0, 1.0, len(self.counts) + 1)

    @cached_property
    def at_or_above_edges(self) -> Counts:
        """(B + 1,): how many scores are at or above each edge; the last is 0."""
        return np.append(np.cumsum(self.counts[::-1])[::-1], 0)

    def at_or_above(self, threshold: float) -> int:
        """How many scores are at or above a threshold, which is rounded up to the next edge of a bin."""
        # Less a rounding, so that a threshold that is an edge is not moved to the next one.
        edge = int(np.ceil((threshold + 1) / 2 * len(self.counts) - 1e-6))
        return int(self.at_or_above_edges[min(max(edge, 0), len(self.counts))])


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Pairs of photos by index, each with its score: three arrays (P,) of int32, int32, float32."""

    first: Indices
    second: Indices
    scores: Float32

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, eq=False)
class PairScores:
    """All comparisons of N photos.

    labels: (N,) int32, the subject of each photo, numbered. mated_pairs: every mated pair, lowest score first.
    worst_nonmated: the non-mated pairs of the highest scores, highest first, among which label errors are found.
    """

    mated: Histogram
    nonmated: Histogram
    labels: Indices
    mated_pairs: ScoredPairs
    worst_nonmated: ScoredPairs


def score_all_pairs(
    embeddings: Float32,
    subjects: Labels,
    *,
    offsets: Float32 | None = None,
    bins: int = BINS,
    worst: int = WORST_KEPT,
) -> PairScores:
    """Compare every photo with every other one.

    embeddings: (N, D) float32 of unit length, photos without a face left out. subjects: N names or numbers.
    offsets: (N,), taken off the cosines of each photo, as relative scores are; None: the scores are cosines.
    bins: of the histograms. worst: how many of the highest non-mated pairs to keep.
    Raises: VectorMismatch when an embedding is not of unit length; InvalidRequest when embeddings and subjects
    differ in number, when there is one person only or no mated pair, or above 20 million mated pairs.
    """
    check_embeddings(embeddings, len(subjects))
    labels = number_subjects(subjects)
    _check_pairs(labels)
    order = np.argsort(labels, kind="stable").astype(np.int32)
    rows, groups = np.ascontiguousarray(embeddings[order]), labels[order]
    taken_off = np.zeros(len(rows), np.float32) if offsets is None else offsets[order]
    counts, mated, highest = np.zeros(bins, np.int64), _mated(rows, groups, taken_off), _Highest(worst)
    for row, column, scores in _nonmated_tiles(rows, groups, taken_off):
        counts += _count(scores[scores > _LEFT_OUT], bins) if column == row else _count(scores, bins)
        highest.offer(row, column, scores)
    return PairScores(
        mated=Histogram.of(mated.scores, bins),
        nonmated=Histogram(counts),
        labels=labels,
        mated_pairs=_by_score(_original(mated, order)),
        worst_nonmated=_reversed(_by_score(_original(highest.kept, order))),
    )


def number_subjects(subjects: Labels) -> Indices:
    """Subjects as numbers 0, 1, ... in the order of their sorted names: (N,) int32."""
    return np.unique(np.asarray(subjects), return_inverse=True)[1].astype(np.int32)


def check_embeddings(embeddings: Float32, count: int) -> None:
    """Raises InvalidRequest unless there are `count` embeddings, VectorMismatch unless each is of unit length."""
    if embeddings.ndim != 2 or len(embeddings) != count:
        raise InvalidRequest(f"{count} subjects were given for embeddings of shape {embeddings.shape}; give one each")
    wrong = ~(np.abs(np.linalg.norm(embeddings, axis=1) - 1) < UNIT_TOLERANCE)
    if wrong.any():
        raise VectorMismatch(
            f"{int(wrong.sum())} of {count} embeddings are not of unit length; leave out the photos without a face "
            "and count them as failures to acquire"
        )


_LEFT_OUT = np.float32(-np.inf)  # the score, in a tile, of a pair that is mated or counted in another tile
Tile = tuple[int, int, Float32]  # index of the first row and column, scores


def _check_pairs(labels: Indices) -> None:
    photos = np.bincount(labels).astype(np.int64)
    mated = int((photos * (photos - 1) // 2).sum())
    if len(photos) < 2:
        raise InvalidRequest(f"all {len(labels)} photos show one person; non-mated comparisons need at least two")
    if mated == 0:
        raise InvalidRequest(
            f"none of the {len(photos)} people has a second photo, so there is no mated pair; add photos"
        )
    if mated > MAX_MATED_PAIRS:
        raise InvalidRequest(f"{mated} mated pairs are more than {MAX_MATED_PAIRS}; give fewer photos of each person")


def _mated(rows: Float32, groups: Indices, taken_off: Float32) -> ScoredPairs:
    """All pairs within a group. groups: sorted, so that each group is one run of rows."""
    ends = np.flatnonzero(np.diff(groups, append=-1)) + 1
    runs = [(start, end) for start, end in zip([0, *ends], ends, strict=False) if end - start > 1]
    found = [_within(rows[start:end], taken_off[start:end], start) for start, end in runs]
    return _joined(found)


def _within(rows: Float32, taken_off: Float32, start: int) -> ScoredPairs:
    first, second = np.triu_indices(len(rows), 1)
    scores = (rows @ rows.T)[first, second] - (taken_off[first] + taken_off[second])
    return ScoredPairs((first + start).astype(np.int32), (second + start).astype(np.int32), scores)


def _nonmated_tiles(rows: Float32, groups: Indices, taken_off: Float32) -> Iterator[Tile]:
    """Every non-mated pair once; only the first tile of a band of rows can hold pairs that are left out."""
    for row in range(0, len(rows), ROWS):
        band = rows[row : row + ROWS]
        near_end = int(np.searchsorted(groups, groups[row + len(band) - 1], side="right"))
        own = taken_off[row : row + ROWS, None]
        near = band @ rows[row:near_end].T - (own + taken_off[row:near_end])
        # Equal groups are mated pairs; greater ones are non-mated pairs that another row of the tile has already.
        near[groups[row : row + len(band), None] >= groups[None, row:near_end]] = _LEFT_OUT
        yield row, row, near
        for column in range(near_end, len(rows), COLUMNS):
            beside = slice(column, column + COLUMNS)
            yield row, column, band @ rows[beside].T - (own + taken_off[beside])


def _count(scores: Float32, bins: int) -> Counts:
    places = ((scores.ravel() + np.float32(1)) * np.float32(bins / 2)).astype(np.intp)
    np.clip(places, 0, bins - 1, out=places)  # a cosine of 1, or by rounding a little more, is in the last bin
    return np.bincount(places, minlength=bins)


class _Highest:
    """Keeps the pairs of the highest scores of all that are offered."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept = _joined([])
        self._floor = _LEFT_OUT

    def offer(self, row: int, column: int, scores: Float32) -> None:
        first, second = np.nonzero(scores > self._floor)
        if not self.size or not len(first):
            return
        found = ScoredPairs((first + row).astype(np.int32), (second + column).astype(np.int32), scores[first, second])
        self.kept = _joined([self.kept, found])
        if len(self.kept) > self.size:
            self.kept = _take(self.kept, np.argpartition(self.kept.scores, -self.size)[-self.size :])
            self._floor = self.kept.scores.min()  # lower scores need not be collected any more


def _joined(parts: Sequence[ScoredPairs]) -> ScoredPairs:
    return ScoredPairs(
        np.concatenate([np.empty(0, np.int32), *(part.first for part in parts)]),
        np.concatenate([np.empty(0, np.int32), *(part.second for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.scores for part in parts)]),
    )


def _take(pairs: ScoredPairs, chosen: NDArray[np.intp]) -> ScoredPairs:
    return ScoredPairs(pairs.first[chosen], pairs.second[chosen], pairs.scores[chosen])


def _original(pairs: ScoredPairs, order: Indices) -> ScoredPairs:
    return ScoredPairs(order[pairs.first], order[pairs.second], pairs.scores)


def _by_score(pairs: ScoredPairs) -> ScoredPairs:
    return _take(pairs, np.argsort(pairs.scores, kind="stable"))


def _reversed(pairs: ScoredPairs) -> ScoredPairs:
    return ScoredPairs(pairs.first[::-1], pairs.second[::-1], pairs.scores[::-1])
