"""The lock that lets one server use a data folder; the system frees it when the process ends, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vultus.errors import ServedAlready, StorageFailed
from vultus.files import lock_file, make_folders

LOCK_FILE = "server.lock"


@contextmanager
def serving_alone(folder: Path) -> Iterator[int]:
    """Hold the data folder as its only server; made when missing. Commands that do not serve take no lock.

    Yields the descriptor that holds the lock: a process that is given it holds the folder as well, until it ends.

    The file stays; only the kernel's lock on it counts (flock(2)), so a dead process blocks no other.
    Raises ServedAlready when another server holds the folder, StorageFailed when the lock cannot be kept in it.
    """
    descriptor = _open(folder)
    try:
        _take(descriptor, folder)
        yield descriptor
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    try:
        make_folders(folder)
        return os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise StorageFailed(
            f"the data folder {folder.absolute()} cannot be served ({exc.strerror}); let this user write to it, "
            "or choose another with --data-dir or VULTUS_DATA_DIR"
        ) from exc


def _take(descriptor: int, folder: Path) -> None:
    try:
        lock_file(descriptor, wait=False)
    except OSError as exc:
        # The process id is only for this sentence: the lock does not depend on it.
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        raise ServedAlready(
            f"the data folder {folder.absolute()} is served already, by process {holder or 'unknown'}; stop that one, "
            "or give this one a folder of its own with --data-dir or VULTUS_DATA_DIR"
        ) from exc
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
