"""The queue of writers to one database: threads of this process, and other processes on this machine.

SQLite alone lets waiting writers poll, so that some wait for seconds while others pass them by.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vultus.errors import StorageFailed
from vultus.files import lock_file, unlock_file

SUFFIX = ".write-lock"  # of the file beside the database; it stays, only the kernel's lock on it counts


class WriteQueue:
    """One writer at a time, in about the order in which they came."""

    def __init__(self, database_file: Path) -> None:
        self._path = database_file.with_name(f"{database_file.name}{SUFFIX}")
        self._threads = threading.Lock()
        self._descriptor: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn, and have it inside the block. Raises StorageFailed when the lock cannot be kept."""
        with self._threads:
            descriptor = self._open()
            lock_file(descriptor)  # fails only where `flock` does, which the lock of the server has shown to work
            try:
                yield
            finally:
                unlock_file(descriptor)

    def close(self) -> None:
        """Close the file."""
        with self._threads:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as exc:
                raise StorageFailed(
                    f"the database cannot be written ({exc.strerror}); let this user write to its file and folder"
                ) from exc
        return self._descriptor
