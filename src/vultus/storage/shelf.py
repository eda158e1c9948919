"""One collection in memory: rows that only grow, a mask of those still alive, and the snapshots that searches read."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vultus.records import Candidate, Float32
from vultus.storage.changes import ChangeSet, Mark

MIN_CAPACITY = 64


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A collection at one revision; never changed, so a search needs no lock.

    vectors: (N, D) float32. subject_codes: (N,) int32, the subject of each row. alive: (N,) bool; `dead` rows are not.
    face_ids: at least N, by row. subjects: by code. Both may grow behind what this snapshot looks at.
    """

    vectors: Float32
    subject_codes: NDArray[np.int32]
    alive: NDArray[np.bool_]
    dead: int
    face_ids: Sequence[str]
    subjects: Sequence[str]

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    def candidate(self, row: int, similarity: float) -> Candidate:
        """One line of a search result."""
        return Candidate(self.subjects[self.subject_codes[row]], self.face_ids[row], similarity)

    def size(self) -> tuple[int, int]:
        """Subjects with a face, and faces."""
        subjects = np.count_nonzero(np.bincount(self.subject_codes[self.alive]))
        return int(subjects), len(self.vectors) - self.dead


@dataclass(eq=False)
class Shelf:
    """Turns changes into snapshots. `lock` is held by whoever applies; nobody who only searches needs it.

    Rows behind the end of a snapshot are written in place, rows within are not: growth and compaction copy.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    mark: Mark | None = None
    _snapshot: Snapshot | None = None
    _vectors: Float32 = field(default_factory=lambda: np.empty((0, 0), np.float32))
    _codes: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    _alive: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    _face_ids: list[str] = field(default_factory=list)
    _subjects: list[str] = field(default_factory=list)
    _row_of: dict[str, int] = field(default_factory=dict)
    _code_of: dict[str, int] = field(default_factory=dict)

    def apply(self, changes: ChangeSet) -> Snapshot:
        """The snapshot after the changes. The caller holds the lock."""
        if self._snapshot is not None and changes.mark == self.mark:
            return self._snapshot
        self.mark = None  # if what follows fails, the next pull starts from the beginning
        if changes.fresh:
            self._start(changes)
        else:
            self._append(changes)
        self._remove(changes.removed)
        if self._dead() > len(self._row_of):
            self._compact()
        self._snapshot, self.mark = self._look(), changes.mark
        return self._snapshot

    def _start(self, changes: ChangeSet) -> None:
        self._vectors = changes.embeddings
        self._codes = np.empty(len(changes.face_ids), np.int32)
        self._alive = np.empty(len(changes.face_ids), np.bool_)
        self._face_ids, self._subjects, self._row_of, self._code_of = [], [], {}, {}
        self._describe(changes)

    def _append(self, changes: ChangeSet) -> None:
        start, stop = len(self._face_ids), len(self._face_ids) + len(changes.face_ids)
        if stop > len(self._vectors):
            self._grow(start, max(stop, 2 * len(self._vectors), MIN_CAPACITY))
        self._vectors[start:stop] = changes.embeddings
        self._describe(changes)

    def _grow(self, used: int, capacity: int) -> None:
        vectors = np.empty((capacity, self._vectors.shape[1]), np.float32)
        vectors[:used] = self._vectors[:used]
        self._vectors = vectors
        self._codes = np.concatenate([self._codes[:used], np.empty(capacity - used, np.int32)])
        self._alive = np.concatenate([self._alive[:used], np.empty(capacity - used, np.bool_)])

    def _describe(self, changes: ChangeSet) -> None:
        """Note subject and face of rows whose vectors are in place."""
        for face_id, subject in zip(changes.face_ids, changes.subjects, strict=True):
            row, code = len(self._face_ids), self._code_of.setdefault(subject, len(self._subjects))
            if code == len(self._subjects):
                self._subjects.append(subject)
            self._codes[row], self._alive[row], self._row_of[face_id] = code, True, row
            self._face_ids.append(face_id)

    def _remove(self, face_ids: Sequence[str]) -> None:
        rows = [row for row in (self._row_of.pop(face_id, None) for face_id in face_ids) if row is not None]
        if rows:
            self._alive = self._alive.copy()  # snapshots keep the mask they have: one byte a row
            self._alive[rows] = False

    def _dead(self) -> int:
        return len(self._face_ids) - len(self._row_of)

    def _compact(self) -> None:
        """Leave the dead rows behind, and the subjects that have no other."""
        rows = np.flatnonzero(self._alive[: len(self._face_ids)])
        codes, inverse = np.unique(self._codes[rows], return_inverse=True)
        self._codes = inverse.astype(np.int32)
        self._vectors, self._alive = self._vectors[rows], np.ones(len(rows), np.bool_)
        self._face_ids = [self._face_ids[row] for row in rows]
        self._subjects = [self._subjects[code] for code in codes]
        self._row_of = {face_id: row for row, face_id in enumerate(self._face_ids)}
        self._code_of = {subject: code for code, subject in enumerate(self._subjects)}

    def _look(self) -> Snapshot:
        end = len(self._face_ids)
        return Snapshot(
            self._vectors[:end], self._codes[:end], self._alive[:end], self._dead(), self._face_ids, self._subjects
        )
