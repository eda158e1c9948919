"""A file that remembers which photos were enrolled, so that a later run does not send them again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from vultus_client.errors import InvalidRequest
from vultus_client.folder.photos import PhotoFile

DIGEST_BYTES = 16  # of what identifies a photo: in memory, ten thousand photos take about a megabyte


class Journal:
    """JSON lines, one for each photo that is in the gallery. A line cut off by a crash is passed over.

    A photo is known again by server, collection, path, size and time of change: one that was changed is sent again.
    """

    def __init__(self, path: str | os.PathLike[str] | None, *, url: str, collection: str) -> None:
        """path: None: nothing is remembered. Raises InvalidRequest, when the file cannot be read and written."""
        self._where, self._file = f"{url} {collection}", None
        self._known: set[bytes] = set()
        if path is not None:
            self._file = self._opened(Path(path))

    def _opened(self, path: Path) -> IO[str]:
        try:
            file = path.open("a+", encoding="utf-8", errors="surrogateescape")
            file.seek(0)
            whole = True
            for line in file:
                whole = line.endswith("\n")
                self._remember(line)
            if not whole:
                file.write("\n")
        except (OSError, ValueError) as exc:
            raise InvalidRequest(f"the journal {str(path)!r} cannot be read and written: {exc}") from exc
        return file

    def _remember(self, line: str) -> None:
        try:
            entry = json.loads(line)
            self._known.add(bytes.fromhex(entry["photo"]))
        except (ValueError, KeyError, TypeError):
            return  # cut off, or of something else: the photo is sent again, which changes nothing

    def has(self, photo: PhotoFile) -> bool:
        """Whether an earlier run enrolled it."""
        return bool(self._known) and self._identity(photo) in self._known

    def add(self, photo: PhotoFile, outcome: str) -> None:
        """Remember a photo that is in the gallery."""
        if self._file is not None:
            entry = {"photo": self._identity(photo).hex(), "path": photo.name, "outcome": outcome}
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def _identity(self, photo: PhotoFile) -> bytes:
        try:
            found = os.stat(photo.path)
            version = f"{found.st_size} {found.st_mtime_ns}"
        except OSError:
            version = "gone"
        text = f"{self._where}\n{photo.name}\n{version}"
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=DIGEST_BYTES).digest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
