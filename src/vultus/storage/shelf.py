"""One collection in memory: segments that only grow, rows marked dead, and the snapshots that searches read."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from vultus.storage.changes import ChangeSet, Mark
from vultus.storage.segments import SEGMENT_ROWS, Block, Int64, Rows, Segment, empty_rows


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A collection at one revision; never changed, so a search needs no lock. dimension: D of its embeddings."""

    mark: Mark
    dimension: int
    blocks: tuple[Block, ...]

    def size(self) -> tuple[int, int]:
        """Subjects with a face, and faces."""
        subjects = [block.rows.subject_pks[block.alive] for block in self.blocks]
        faces = sum(len(block) - block.dead for block in self.blocks)
        return len(np.unique(np.concatenate([np.empty(0, np.int64), *subjects]))), faces


@dataclass(eq=False)
class Shelf:
    """Turns changes into snapshots. `lock` is held by whoever applies; nobody who only searches needs it."""

    segment_rows: int = SEGMENT_ROWS
    lock: threading.Lock = field(default_factory=threading.Lock)
    mark: Mark | None = None
    nbytes: int = 0
    _snapshot: Snapshot | None = None
    _segments: list[Segment] = field(default_factory=list)

    def apply(self, changes: ChangeSet) -> Snapshot:
        """The snapshot after the changes. The caller holds the lock."""
        if self._snapshot is not None and changes.mark == self.mark:
            return self._snapshot
        self.mark = None  # if what follows fails, the next pull starts from the beginning
        if changes.fresh:
            self._segments = [Segment(rows, self.segment_rows) for rows in changes.added]
        else:
            self._remove(changes.removed)  # first: SQLite may give the number of a face that is gone to a new one
            self._append(changes.added, changes.dimension)
        if self._dead() > self._living():
            self._compact(changes.dimension)
        self.nbytes = sum(segment.nbytes for segment in self._segments)
        blocks = tuple(segment.block for segment in self._segments)
        self._snapshot, self.mark = Snapshot(changes.mark, changes.dimension, blocks), changes.mark
        return self._snapshot

    def _append(self, added: Iterable[Rows], dimension: int) -> None:
        for rows in added:
            start = 0
            while start < len(rows):
                if not (self._segments and self._segments[-1].room):
                    self._segments.append(Segment(empty_rows(0, dimension), self.segment_rows))
                stop = min(len(rows), start + self._segments[-1].room)
                self._segments[-1].append(rows.part(start, stop))
                start = stop

    def _remove(self, face_pks: Int64) -> None:
        if len(face_pks):
            ordered = np.sort(face_pks)
            for segment in self._segments:
                segment.remove(ordered)

    def _dead(self) -> int:
        return sum(segment.block.dead for segment in self._segments)

    def _living(self) -> int:
        return sum(len(segment.block) - segment.block.dead for segment in self._segments)

    def _compact(self, dimension: int) -> None:
        """Leave the dead rows behind."""
        old, self._segments = self._segments, []
        self._append((segment.living() for segment in old), dimension)
