"""The write queue of this process, and the truncation of the write-ahead log after an erasure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from vultus.storage.database import truncate_wal, writing


class SingleWriter:
    """One write transaction at a time: SQLite lets waiting writers poll; within a process they queue here instead."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._wal_holds_erased = False

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction. Raises what `database.writing` raises."""
        with self._lock:
            with writing(self._engine) as connection:
                yield connection
            if self._wal_holds_erased:
                self._wal_holds_erased = not truncate_wal(self._engine)

    @contextmanager
    def erasing(self) -> Iterator[Connection]:
        """A write after which the old pages also leave the write-ahead log; at the next write if a reader holds it."""
        with self.writing() as connection:
            yield connection
            self._wal_holds_erased = True
