"""From int8 products to exact results: a shortlist of faces, and their cosines computed from the float32 embeddings.

Each face's cosine lies in an interval (see `int8_codes.py`). A shortlist keeps the faces with the highest tops. Their
embeddings are read from memory or from the gallery, highest top first, until k subjects are known to be better than the
top of every other face; where the shortlist ends before, it is made again with more faces. So the result is that of an
exact search, whatever the data; only the number of faces read depends on the data.

A shortlist may rank faces by their cosine less a share of their own terms (see `cohort.py`). The term of a face is
known, so that its interval is only shifted, and all the above holds of the shifted ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32
from vultus.search.int8_codes import Probe
from vultus.search.segments import Block, Int64
from vultus.search.source import Owner, StoredEmbeddings

FACES_PER_LINE = 8  # kept in a shortlist, for each subject wanted
MOST_KEPT = 4  # times as many are kept at most, before those with the lowest tops are left out
FIRST_READ = 32  # faces; each further reading has GROWTH times as many
GROWTH = 4
GROUPS_PER_FACE = 8  # of the groups of rows whose highest tops are looked for
LOWEST = float(np.finfo(np.float32).min)  # below the top of every living row; that of a dead one is -inf

N = TypeVar("N", np.int64, np.float32)
ReadEmbeddings = Callable[[Int64, Int64], StoredEmbeddings]  # numbers of faces, their places in the collection
ReadOwners = Callable[[Sequence[int]], dict[int, Owner]]  # by the numbers of faces


LineValues = tuple[float, int, int, float, float]  # of a `Line`, which takes longer to make


class Line(NamedTuple):
    """The best face of a subject.

    value: by which faces are ranked, the cosine less the share of the face's term. face_pk, subject_pk: the gallery's
    numbers of them. term: 0 where it takes no part.
    """

    value: float
    face_pk: int
    subject_pk: int
    cosine: float
    term: float


class Shortlist:
    """The faces with the highest tops: numbers, places in the collection, tops and terms, parallel arrays (M,).

    limit: every face considered with at least such a top is here.
    """

    def __init__(self, probe: Probe, k: int, weight: float = 0.0) -> None:
        """k: the subjects wanted. weight: the share of a face's term that is taken off its cosine; 0: without terms."""
        self.probe, self.k, self.weight = probe, k, weight
        self._wanted = FACES_PER_LINE * k
        self._begin()

    def _begin(self) -> None:
        self.limit = LOWEST
        self.face_pks: Int64 = np.empty(0, np.int64)
        self.subject_pks: Int64 = np.empty(0, np.int64)
        self.places: Int64 = np.empty(0, np.int64)
        self.tops: Float32 = np.empty(0, np.float32)
        self.terms: Float32 = np.empty(0, np.float32)

    def widen(self) -> None:
        """Begin again, with GROWTH times as many faces."""
        self._wanted *= GROWTH
        self._begin()

    def consider(self, block: Block, tops: Float32) -> None:
        """Add what a block has to add. tops: of the intervals of its rows, see `tops_of`, (N,)."""
        if self.weight and block.terms is not None:
            tops = tops - np.float32(self.weight) * block.terms
        if self.limit == LOWEST and len(tops) > self._wanted:
            self.limit = max(_low_limit(tops, self._wanted), LOWEST)
        rows = np.flatnonzero(tops >= self.limit)
        if len(rows):
            self._add(block, rows, tops[rows])
        if len(self.tops) > MOST_KEPT * self._wanted:
            self._leave_out_lowest()

    def _add(self, block: Block, rows: NDArray[np.intp], tops: Float32) -> None:
        terms = np.zeros(len(rows), np.float32) if block.terms is None else block.terms[rows]
        self.face_pks = _joined(self.face_pks, block.rows.face_pks[rows])
        self.subject_pks = _joined(self.subject_pks, block.rows.subject_pks[rows])
        self.places = _joined(self.places, block.places_of(rows))
        self.tops, self.terms = _joined(self.tops, tops), _joined(self.terms, terms)

    def _leave_out_lowest(self) -> None:
        place = len(self.tops) - self._wanted
        self.limit = float(np.partition(self.tops, place)[place])
        keep = np.flatnonzero(self.tops >= self.limit)
        self.face_pks, self.subject_pks, self.places = self.face_pks[keep], self.subject_pks[keep], self.places[keep]
        self.tops, self.terms = self.tops[keep], self.terms[keep]

    def order(self) -> NDArray[np.intp]:
        """The faces, highest top first."""
        return np.lexsort((self.face_pks, -self.tops))


def _joined(first: NDArray[N], second: NDArray[N]) -> NDArray[N]:
    return np.concatenate([first, second]) if len(first) else second


def tops_of(probe: Probe, block: Block, products: Float32) -> Float32:
    """The tops of the intervals of the cosines with a block's rows, (N,); a dead row's is -inf.

    products: of the probe's values with those of the block, (N,); overwritten.
    """
    codes = block.rows.codes
    products *= codes.scales
    products *= np.float32(probe.scale)
    products += codes.errors
    products += np.float32(probe.margin)
    if block.dead:
        products[~block.alive] = -np.inf
    return products


class ExactCosines:
    """The cosines of a probe with faces, from their float32 embeddings; each face is read once.

    complete: whether every face that was asked for was still stored.
    """

    def __init__(self, probe: Probe, read: ReadEmbeddings, read_owners: ReadOwners) -> None:
        self.complete = True
        self.known: dict[int, float] = {}
        self._unit, self._read, self._read_owners, self._asked = probe.unit, read, read_owners, set[int]()

    def look_up(self, face_pks: Int64, places: Int64) -> None:
        """Add these faces to those known, as far as they are still stored. places: in the collection."""
        pks = face_pks.tolist()
        unknown = {pk: row for row, pk in enumerate(pks) if pk not in self._asked}
        if not unknown:
            return
        self._asked.update(unknown)
        rows = np.fromiter(unknown.values(), np.intp, len(unknown))
        found = self._read(face_pks[rows], places[rows])
        self.complete = self.complete and len(found.face_pks) == len(unknown)
        if len(found.face_pks):
            cosines = np.vecdot(found.embeddings.astype(np.float64), self._unit).tolist()
            self.known.update(zip(found.face_pks, cosines, strict=True))

    def owned(self, lines: Sequence[Line]) -> list[tuple[Line, Owner]]:
        """The lines whose faces are still stored as they were, with the owners of these."""
        known = self._read_owners([line.face_pk for line in lines])
        self.complete = self.complete and len(known) == len(lines)
        return [(line, known[line.face_pk]) for line in lines if line.face_pk in known]


def rescore(shortlist: Shortlist, cosines: ExactCosines) -> list[Line] | None:
    """The k best subjects, best first, exactly; None, when the shortlist is too short to know them.

    Equal ones: the face enrolled first.
    """
    best: dict[int, LineValues] = {}
    order, take = shortlist.order(), FIRST_READ
    while len(order):
        some, order = order[:take], order[take:]
        _keep_best(best, shortlist, some, cosines)
        if len(order):
            order, take = _still_open(shortlist, order, best), take * GROWTH
    ranked = [Line(*line) for line in sorted(best.values(), key=_rank)[: shortlist.k]]
    known = shortlist.limit == LOWEST or (len(ranked) == shortlist.k and ranked[-1].value >= shortlist.limit)
    return ranked if known else None


def _rank(line: LineValues) -> tuple[float, int]:
    return -line[0], line[1]


def _keep_best(
    best: dict[int, LineValues], shortlist: Shortlist, rows: NDArray[np.intp], cosines: ExactCosines
) -> None:
    """Keep the best face of each subject."""
    face_pks, weight = shortlist.face_pks[rows], shortlist.weight
    cosines.look_up(face_pks, shortlist.places[rows])
    others = shortlist.subject_pks[rows].tolist(), shortlist.terms[rows].tolist()
    for face_pk, subject_pk, term in zip(face_pks.tolist(), *others, strict=True):
        cosine = cosines.known.get(face_pk)
        if cosine is not None:
            line = cosine - weight * term, face_pk, subject_pk, cosine, term
            if subject_pk not in best or _rank(line) < _rank(best[subject_pk]):
                best[subject_pk] = line


def _still_open(shortlist: Shortlist, rows: NDArray[np.intp], best: dict[int, LineValues]) -> NDArray[np.intp]:
    """The rows whose faces may still become a line, or improve the line of their subject."""
    values = sorted((line[0] for line in best.values()), reverse=True)
    floor = values[shortlist.k - 1] if len(values) >= shortlist.k else -np.inf
    rows = rows[shortlist.tops[rows] >= floor]
    if not len(rows):
        return rows
    own = np.array([best[pk][0] if pk in best else -np.inf for pk in shortlist.subject_pks[rows].tolist()])
    return rows[shortlist.tops[rows] >= own]


def _low_limit(values: Float32, count: int) -> float:
    """A value that at least `count` of the values reach, and not many more: of `count` groups the highest value."""
    groups = GROUPS_PER_FACE * count
    if len(values) >= 2 * groups:
        values = values[: len(values) // groups * groups].reshape(-1, groups).max(axis=0)
    return float(np.partition(values, len(values) - count)[len(values) - count])
