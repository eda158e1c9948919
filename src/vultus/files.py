"""Durable files: digests, whole-file writes, synced folders, and locks between processes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

CHUNK_BYTES = 1 << 20
TEMPORARY_PREFIX = ".vultus-"
TEMPORARY_SUFFIX = ".tmp"
LOCK_NAME = ".vultus.lock"
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
READABLE_BY_ALL, PRIVATE = 0o644, 0o600  # file modes: model files are public, photos are personal data
READABLE_FOLDER, PRIVATE_FOLDER = 0o755, 0o700


def open_regular(path: Path) -> IO[bytes]:
    """A regular file, open to read; a pipe or device is refused without waiting. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)  # opening a pipe would wait for its writer
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"it is no file but {_KINDS.get(kind, 'something else')}", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path) -> bytes:
    """The bytes of a regular file; all else is refused, as by `open_regular`. Raises: OSError."""
    with open_regular(path) as file:
        return file.read()


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in lower-case hexadecimal, read in pieces. Raises: OSError."""
    with open_regular(path) as file:
        return sha256_of_stream(file)


def sha256_of_stream(content: IO[bytes]) -> str:
    """The SHA-256, in lower-case hexadecimal, of the rest of an open file, read in pieces."""
    digest = hashlib.sha256()
    while chunk := content.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def write_whole(
    path: Path,
    data: bytes,
    *,
    mode: int = READABLE_BY_ALL,
    prefix: str = TEMPORARY_PREFIX,
    suffix: str = TEMPORARY_SUFFIX,
) -> None:
    """Put `data` at `path` so that it is there as a whole or not at all, also after a crash.

    mode: the permissions of the file. prefix, suffix: of the temporary file, which a crash leaves in the same folder.

    Raises: OSError.
    """
    descriptor, name = tempfile.mkstemp(suffix, prefix, path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)  # mkstemp makes it 0o600, whatever the umask is
            # Before the rename: a file system may store the new name before the bytes, and a power cut in between
            # would leave an empty file under it.
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(path.parent)  # the rename itself is stored only by this


def leftovers(folder: Path) -> list[Path]:
    """The temporary files in `folder`. With the folder's lock held, they are those of processes that died."""
    return sorted(folder.glob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"))


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool = True, name: str = LOCK_NAME) -> Iterator[None]:
    """Hold the folder's lock against other threads and processes; the system frees it when the process dies.

    name: of the lock's file, for a lock of something less than the whole folder.

    Raises: BlockingIOError when it is held and `wait` is False; OSError when the folder cannot be written.
    """
    # O_NONBLOCK: opening a pipe of that name would wait for its reader.
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o666)
    try:
        lock_file(descriptor, wait=wait)
        yield
    finally:
        os.close(descriptor)


def lock_file(descriptor: int, *, wait: bool = True) -> None:
    """Lock an open file (flock(2)) until its descriptor is closed, at the latest when the process ends.

    The file itself stays: removing it would let a second process lock a new file of the same name.

    Raises: BlockingIOError when it is held and `wait` is False.
    """
    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def unlock_file(descriptor: int) -> None:
    """Give back the lock of `lock_file`; the file stays open."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def make_folders(folder: Path, *, mode: int = PRIVATE_FOLDER, synced: bool = True) -> None:
    """Make a folder and its missing parents, all with this mode, each synced so that it outlives a power failure.

    synced: False where the caller syncs everything at its end.
    Raises: OSError.
    """
    if folder.is_dir():
        return
    if folder.exists() and not folder.is_dir():  # asked again: it may have been made since
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if folder.parent != folder:
        make_folders(folder.parent, mode=mode, synced=synced)
    folder.mkdir(mode=mode, exist_ok=True)  # with parents=True, Python makes those open to all that the umask allows
    if synced:
        with contextlib.suppress(PermissionError):  # a folder above that this user may not list
            sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's names last over a power cut: fsync of a file does not store its name. Raises: OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
