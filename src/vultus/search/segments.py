"""Segments: the faces of a collection in memory, in arrays of limited size, and the blocks that searches read.

A block never changes, except that the codes of erased faces are overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32
from vultus.search.int8_codes import Codes, empty_codes

SEGMENT_ROWS = 65_536  # their products, 256 KB, stay in the processor's cache; a growing segment copies 32 MB at most
MIN_CAPACITY = 64  # rows, so that a small segment does not copy at each of its first enrolments

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """N faces: face_pks and subject_pks (N,) int64, the gallery's numbers of them; codes, N of them.

    embeddings: (N, D) float32; None where they are left in the gallery.
    """

    face_pks: Int64
    subject_pks: Int64
    codes: Codes
    embeddings: Float32 | None = None

    def __len__(self) -> int:
        return len(self.face_pks)

    def part(self, start: int, stop: int) -> Rows:
        """Rows start..stop, as views."""
        codes = Codes(self.codes.values[start:stop], self.codes.scales[start:stop], self.codes.errors[start:stop])
        embeddings = None if self.embeddings is None else self.embeddings[start:stop]
        return Rows(self.face_pks[start:stop], self.subject_pks[start:stop], codes, embeddings)

    def take(self, places: NDArray[np.intp]) -> Rows:
        """The rows at these places, copied, without embeddings."""
        codes = Codes(self.codes.values[places], self.codes.scales[places], self.codes.errors[places])
        return Rows(self.face_pks[places], self.subject_pks[places], codes)

    def put(self, where: slice | NDArray[np.intp], other: Rows) -> None:
        """Write other rows over those at these places."""
        self.face_pks[where], self.subject_pks[where] = other.face_pks, other.subject_pks
        self.codes.values[where], self.codes.scales[where] = other.codes.values, other.codes.scales
        self.codes.errors[where] = other.codes.errors
        if self.embeddings is not None and other.embeddings is not None:
            self.embeddings[where] = other.embeddings

    def without_embeddings(self) -> Rows:
        """The same arrays but for the embeddings."""
        return replace(self, embeddings=None)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        embeddings = 0 if self.embeddings is None else self.embeddings.nbytes
        return self.face_pks.nbytes + self.subject_pks.nbytes + self.codes.nbytes + embeddings


def empty_rows(count: int, dimension: int, *, embeddings: bool = False) -> Rows:
    """Uninitialised rows, `count` of them; the system gives the memory only when it is written.

    The one place that makes the arrays of segments. embeddings: with those too.
    """
    vectors = np.empty((count, dimension), np.float32) if embeddings else None
    return Rows(np.empty(count, np.int64), np.empty(count, np.int64), empty_codes(count, dimension), vectors)


def row_bytes(dimension: int, *, embeddings: bool) -> int:
    """Bytes of memory of one row."""
    return empty_rows(1, dimension, embeddings=embeddings).nbytes


@dataclass(frozen=True, eq=False)
class Block:
    """A segment at one moment, or some of its rows. alive: (N,) bool; dead: how many rows are not; erased: how many are
    overwritten.

    terms: (N,) float32, see `cohort_terms.py`; None: not computed. places: of the rows among all rows of the
    collection: the first one's, where they are neighbours, or (N,).
    """

    rows: Rows
    alive: NDArray[np.bool_]
    dead: int
    erased: int = 0
    terms: Float32 | None = None
    places: int | Int64 = 0

    def __len__(self) -> int:
        return len(self.rows)

    def places_of(self, rows: NDArray[np.intp]) -> Int64:
        """The places of these rows among all rows of the collection, (R,)."""
        return rows + self.places if isinstance(self.places, int) else self.places[rows]

    def some(self, rows: NDArray[np.intp]) -> Block:
        """These rows, which are alive, as a block of their own."""
        terms = None if self.terms is None else self.terms[rows]
        alive = np.ones(len(rows), np.bool_)
        return Block(self.rows.take(rows), alive, 0, terms=terms, places=self.places_of(rows))


class Segment:
    """Rows up to a limit. Rows are appended in place, behind the end of every block that searches may read.

    A full array is replaced by a larger copy. Rows within a block are overwritten only to erase them.
    """

    def __init__(self, rows: Rows, limit: int = SEGMENT_ROWS) -> None:
        """rows: its first rows, not copied."""
        self._rows, self._limit = rows, limit
        self.block = Block(rows, np.ones(len(rows), np.bool_), 0)
        self._lowest, self._highest = _bounds(rows.face_pks)

    @property
    def free_rows(self) -> int:
        """How many rows can be appended."""
        return max(0, self._limit - len(self.block))

    @property
    def nbytes(self) -> int:
        """Bytes of memory, including what is reserved for growth."""
        return self._rows.nbytes + self.block.alive.nbytes

    @property
    def embedding_bytes(self) -> int:
        """Those of the embeddings among them."""
        return 0 if self._rows.embeddings is None else self._rows.embeddings.nbytes

    def append(self, rows: Rows) -> None:
        """Add at most `free_rows` rows behind the last."""
        start, stop = len(self.block), len(self.block) + len(rows)
        if stop > len(self._rows):
            self._grow(min(self._limit, max(stop, 2 * len(self._rows), MIN_CAPACITY)))
        self._rows.put(slice(start, stop), rows)
        alive = np.concatenate([self.block.alive, np.ones(len(rows), np.bool_)])
        self.block = Block(self._rows.part(0, stop), alive, self.block.dead, self.block.erased)
        lowest, highest = _bounds(rows.face_pks)
        self._lowest, self._highest = min(self._lowest, lowest), max(self._highest, highest)

    def remove(self, face_pks: Int64) -> None:
        """Mark the rows of these faces as dead and overwrite their codes, also of rows that were replaced before.

        None of them need be here. face_pks: sorted. A search that still reads an older block finds, when it fetches the
        face, that it is gone, and searches again.
        """
        if not self._may_hold(face_pks):
            return
        codes = self.block.rows.codes
        gone = np.isin(self.block.rows.face_pks, face_pks) & (self.block.alive | (codes.scales != 0))
        if gone.any():
            self._mark_dead(gone, erased=int(np.count_nonzero(gone)))
            codes.scales[gone] = 0  # first: a search that reads an embedding looks at this afterwards
            codes.values[gone], codes.errors[gone] = 0, 0
            if self._rows.embeddings is not None:
                self._rows.embeddings[: len(gone)][gone] = 0

    def replace(self, face_pks: Int64) -> None:
        """Mark the rows of these faces as dead, as newer rows follow; none of them need be here. face_pks: sorted.

        Their codes stay: a search that reads an older block must still find the face, to learn that it has changed.
        """
        if self._may_hold(face_pks):
            self._mark_dead(np.isin(self.block.rows.face_pks, face_pks) & self.block.alive)

    def living(self) -> Rows:
        """The rows that are alive, copied, with their embeddings."""
        rows, alive = self.block.rows, np.flatnonzero(self.block.alive)
        return replace(rows.take(alive), embeddings=None if rows.embeddings is None else rows.embeddings[alive])

    def drop_embeddings(self) -> None:
        """Leave the embeddings in the gallery from now on."""
        self._rows = self._rows.without_embeddings()
        self.block = replace(self.block, rows=self.block.rows.without_embeddings())

    def _may_hold(self, face_pks: Int64) -> bool:
        """Whether the numbers overlap with those here. New faces have higher numbers, so most enrolments do not."""
        return bool(len(face_pks) and face_pks[-1] >= self._lowest and face_pks[0] <= self._highest)

    def _mark_dead(self, rows: NDArray[np.bool_], *, erased: int = 0) -> None:
        block, dying = self.block, int(np.count_nonzero(rows & self.block.alive))
        if dying or erased:
            self.block = Block(block.rows, block.alive & ~rows, block.dead + dying, block.erased + erased)

    def _grow(self, capacity: int) -> None:
        with_embeddings = self._rows.embeddings is not None
        larger = empty_rows(capacity, self._rows.codes.values.shape[1], embeddings=with_embeddings)
        larger.put(slice(len(self.block)), self.block.rows)
        self._rows = larger


def _bounds(face_pks: Int64) -> tuple[float, float]:
    """The lowest and the highest number; infinities that overlap with nothing where there is none."""
    return (int(face_pks.min()), int(face_pks.max())) if len(face_pks) else (np.inf, -np.inf)
