"""SHA-256 digests of files, computed again only when the file has changed."""

from __future__ import annotations

import threading
from pathlib import Path

from vultus.errors import ModelInvalid
from vultus.files import sha256_of
from vultus.models.excluded_models import refuse_excluded

Stamp = tuple[int, int, int, int]


class FileDigests:
    """Caches digests by the file's inode, size and times, which change with the file. Safe in several threads."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, str]] = {}
        self._lock = threading.Lock()

    def of(self, path: Path) -> str:
        """The file's SHA-256 in lower-case hexadecimal. Raises: ModelInvalid when it cannot be read."""
        try:
            stamp = _stamp(path)
            with self._lock:
                known = self._known.get(path)
            if known is not None and known[0] == stamp:
                return known[1]
            digest = sha256_of(path)
        except OSError as exc:
            raise unreadable(path, exc) from exc
        # The stamp was taken before the file was read: a change during the reading shows at the next call.
        with self._lock:
            self._known[path] = stamp, digest
        return digest

    def forget(self) -> None:
        """Drop the cached digests, so that every file is read again."""
        with self._lock:
            self._known.clear()


def unreadable(path: Path, exc: OSError) -> ModelInvalid:
    """The error for a weight file that cannot be read."""
    return ModelInvalid(f"{path} cannot be read: {exc.strerror or exc}; check its permissions")


def check_digest(path: Path, found: str, expected: str, hint: str) -> None:
    """Raises: ModelInvalid with both digests when they differ, or when the file is one that is not served."""
    refuse_excluded(found)
    if found != expected:
        raise ModelInvalid(f"{path} is not the expected file: its SHA-256 is {found}, not {expected}; {hint}")


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
