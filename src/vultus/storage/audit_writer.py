"""BackgroundAuditWriter: audit lines about reads and refusals, written together in the background.

A search must not wait for the disk, so its line is kept in memory for at most FLUSH_SECONDS; a process that is killed
loses the lines of that moment. While the database cannot be written, up to MAX_WAITING lines wait; the oldest beyond
are dropped, and a line says how many.

A page of small pictures is one look at many faces. So the reads of MERGED actions become one line for each actor and
collection: of at most MERGE_SECONDS from the first on, and of at most MAX_OBJECTS faces, so that none is left out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from vultus.errors import StorageFailed
from vultus.records.stored import AuditLine
from vultus.storage.audit import CROP, MAX_OBJECTS, OK, SERVER, UNKNOWN_PHOTO, insert_lines
from vultus.storage.database import Database

log = logging.getLogger(__name__)
FLUSH_SECONDS = 1.0
MAX_WAITING = 100_000  # lines
LOST = "audit.lost"
MERGED = frozenset({CROP, UNKNOWN_PHOTO})
MERGE_SECONDS = 10.0


class AuditSink(Protocol):
    """Takes the audit lines about reads and refusals."""

    def add(self, line: AuditLine) -> None:
        """Keep the line, without waiting and without raising."""

    @property
    def waiting(self) -> int:
        """Lines that are not written yet."""

    @property
    def lost(self) -> int:
        """Lines that were given up since the start."""


class NullAuditSink:
    """Drops every line: for a part of the system without a database."""

    def add(self, line: AuditLine) -> None:
        """Do nothing."""

    waiting = lost = 0


@dataclass(frozen=True)
class _Reads:
    """Reads that are one line so far. begun: by the clock of the writer."""

    line: AuditLine
    begun: float

    def with_line(self, line: AuditLine) -> AuditLine:
        """The line about these reads and one more. Several calls have no one request id."""
        objects = tuple(dict.fromkeys((*self.line.objects, *line.objects)))
        same = self.line.request_id == line.request_id
        request_id = line.request_id if same else None
        return replace(self.line, objects=objects, object_count=len(objects), request_id=request_id)


class BackgroundAuditWriter:
    """Writes lines from a thread of its own, started by the first line. Used by many threads at once."""

    def __init__(
        self,
        database: Database,
        *,
        flush_seconds: float = FLUSH_SECONDS,
        max_waiting: int = MAX_WAITING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._clock = database, clock
        self._flush_seconds = flush_seconds
        self._waiting: deque[AuditLine] = deque()
        self._reads: dict[tuple[str, str, str | None], _Reads] = {}
        self._max_waiting = max_waiting
        self._lost = 0  # not counted in a line of the audit yet
        self.lost = 0
        self._lock = threading.Lock()  # held for moments only: `add` never waits for the disk
        self._flushing = threading.Lock()  # one flush at a time, or two could swap the order of lines
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Lines that are not written yet."""
        return len(self._waiting) + len(self._reads)

    def add(self, line: AuditLine) -> None:
        """Keep the line until the next flush."""
        with self._lock:
            if line.action in MERGED and line.outcome == OK:
                self._merge(line)
            else:
                self._waiting.append(line)
            self._drop_oldest()
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="audit writer", daemon=True)
                self._thread.start()

    def flush(self) -> bool:
        """Write all waiting lines in their order; False when the database refused, then they go on waiting."""
        return self._flush(reads_before=float("inf"))

    def _flush(self, *, reads_before: float) -> bool:
        """reads_before: merged reads are written only if they began before this moment."""
        with self._flushing:
            with self._lock:
                self._end_reads(reads_before)
                lines, lost = list(self._waiting), self._lost
                self._waiting.clear()
                self._lost = 0
            try:
                self._write(lines, lost)
            except StorageFailed as exc:
                self._put_back(lines, lost)
                log.warning("%d audit lines are not written yet: %s", len(lines), exc)
                return False
        return True

    def close(self) -> None:
        """Write the waiting lines and stop."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        if not self.flush():
            log.error("audit lines were lost: the database refused them until the end")

    def _run(self) -> None:
        while not self._closing.wait(self._flush_seconds):
            self._flush(reads_before=self._clock() - MERGE_SECONDS)

    def _merge(self, line: AuditLine) -> None:
        """The caller holds the lock."""
        key = (line.actor, line.action, line.collection)
        before = self._reads.get(key)
        merged = line if before is None else before.with_line(line)
        if before is not None and len(merged.objects) > MAX_OBJECTS:
            self._waiting.append(before.line)
            before, merged = None, line
        self._reads[key] = _Reads(merged, self._clock() if before is None else before.begun)

    def _end_reads(self, before: float) -> None:
        for key in [key for key, reads in self._reads.items() if reads.begun < before]:
            self._waiting.append(self._reads.pop(key).line)

    def _write(self, lines: list[AuditLine], lost: int) -> None:
        if lost:
            lines = [AuditLine(SERVER, LOST, object_count=lost), *lines]
        if lines:
            with self._database.adding() as connection:
                insert_lines(connection, lines)

    def _put_back(self, lines: list[AuditLine], lost: int) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(lines))
            self._lost += lost
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        while len(self._waiting) > self._max_waiting:
            self._waiting.popleft()
            self._lost += 1
            self.lost += 1
