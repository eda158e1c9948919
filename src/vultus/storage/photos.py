"""The stored photos, by the sha256 of their bytes: the PhotoStore protocol, and the store in a local folder."""

from __future__ import annotations

import errno
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from vultus.errors import InvalidRequest, NotFound, StorageFailed
from vultus.files import PRIVATE, make_folders, read_regular, sync_folder, write_whole
from vultus.metrics.stopwatch import stage

LEFTOVER_SECONDS = 600.0
_KEY = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = ".tmp-"
_REFUSALS = {
    errno.ENOSPC: "the disk of the photo folder is full; free some space and try again",
    errno.EDQUOT: "the quota of the photo folder is used up; free some space and try again",
    errno.EROFS: "the photo folder is read-only; let this user write to it",
    errno.EACCES: "the photo folder is closed to this user; let this user read and write it",
    errno.EPERM: "the photo folder is closed to this user; let this user read and write it",
}


class StoredPhotos(Protocol):
    """Photos by key: 64 hex digits, the sha256 of the stored bytes. Every method may raise StorageFailed."""

    def get(self, key: str) -> bytes:
        """Raises: NotFound, InvalidRequest (no key)."""

    def exists(self, key: str) -> bool:
        """Raises: InvalidRequest (no key)."""

    def size(self, key: str) -> int | None:
        """How many bytes are stored, None when there is no such photo. Raises: InvalidRequest (no key)."""

    def delete(self, key: str) -> None:
        """Erase a photo; a missing one is fine. Raises: InvalidRequest (no key)."""

    def keys(self) -> Iterator[str]:
        """All keys, in no order."""


class PhotoStore(StoredPhotos, Protocol):
    """Stored photos, to which others are added."""

    def put(self, data: bytes) -> str:
        """Store the bytes durably and return their key; the same bytes again are stored once."""


class LocalPhotoStore:
    """Photos as files of a folder, folder/ab/cd/abcd..., readable by this user only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Store the bytes durably and return their key; the same bytes again are stored once."""
        key = hashlib.sha256(data).hexdigest()
        path = self._path(key)
        with stage("photos"), _disk_errors():
            make_folders(path.parent)
            if path.is_file() and path.stat().st_size == len(data):
                sync_folder(path.parent)  # its writer may not have come this far yet, and our caller relies on it
            else:  # absent, or cut short by a damaged disk
                write_whole(path, data, mode=PRIVATE, prefix=_TEMPORARY, suffix="")
        return key

    def get(self, key: str) -> bytes:
        """The stored bytes. Raises: NotFound, InvalidRequest (no key), StorageFailed (also when damaged)."""
        path = self._path(key)
        with stage("photos"), _disk_errors():
            try:
                data = read_regular(path)
            except FileNotFoundError:
                raise NotFound(f"no photo {key[:12]}... is stored; it may have been erased") from None
        if hashlib.sha256(data).hexdigest() != key:
            raise StorageFailed(f"photo {key[:12]}... is damaged; restore it from a backup, or erase its face")
        return data

    def exists(self, key: str) -> bool:
        """Whether the photo is stored. Raises: InvalidRequest (no key)."""
        path = self._path(key)
        with _disk_errors():
            return path.is_file()

    def size(self, key: str) -> int | None:
        """How many bytes are stored, None when there is no such photo. Raises: InvalidRequest (no key)."""
        path = self._path(key)
        with _disk_errors():
            try:
                return path.stat().st_size
            except FileNotFoundError:
                return None

    def delete(self, key: str) -> None:
        """Erase a photo; a missing one is fine. Raises: InvalidRequest (no key)."""
        path = self._path(key)
        with _disk_errors(), suppress(FileNotFoundError):
            path.unlink()
            sync_folder(path.parent)  # an erasure must outlive a power failure too

    def keys(self) -> Iterator[str]:
        """All keys, in no order."""
        return (path.name for path in self._files() if _KEY.fullmatch(path.name))

    def remove_leftovers(self, older_than_seconds: float = LEFTOVER_SECONDS) -> int:
        """Remove the temporary files of writers that died; return how many. Younger files may still be in use."""
        removed = 0
        for path in self._files():
            with _disk_errors(), suppress(FileNotFoundError):
                if path.name.startswith(_TEMPORARY) and time.time() - path.stat().st_mtime >= older_than_seconds:
                    path.unlink()
                    removed += 1
        return removed

    def _files(self) -> Iterator[Path]:
        with _disk_errors():
            for first in _entries(self._folder):
                for second in _entries(first):
                    yield from _entries(second)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise InvalidRequest("a photo key is 64 hex digits, the sha256 of the photo; this is none")
        return self._folder / key[:2] / key[2:4] / key


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):  # erased meanwhile, or a stray file between the folders
        return []


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        reason = f"the photo folder failed ({exc.strerror}); check the disk and the folder"
        raise StorageFailed(_REFUSALS.get(exc.errno or 0, reason)) from exc
