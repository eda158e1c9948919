"""Whole files only: digests, writing that leaves the old file or the new one, a lock between processes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

CHUNK_BYTES = 1 << 20
TEMPORARY_PREFIX = ".vultus-"
TEMPORARY_SUFFIX = ".tmp"
LOCK_NAME = ".vultus.lock"


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in lower-case hexadecimal, read in pieces. Raises: OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that it is there as a whole or not at all, also after a crash. Raises: OSError."""
    descriptor, name = tempfile.mkstemp(TEMPORARY_SUFFIX, TEMPORARY_PREFIX, path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(path.parent)


def leftovers(folder: Path) -> list[Path]:
    """The temporary files in `folder`: while nobody holds its lock, those of processes that died."""
    return sorted(folder.glob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"))


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool = True, name: str = LOCK_NAME) -> Iterator[None]:
    """Hold the folder's lock against other threads and processes; the system frees it when the process dies.

    name: of the lock's file, for a lock of something less than the whole folder.

    Raises: BlockingIOError when it is held and `wait` is False; OSError when the folder cannot be written.
    """
    with (folder / name).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def sync_folder(folder: Path) -> None:
    """Make the folder's names last over a power cut. Raises: OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
