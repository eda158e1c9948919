"""Writes the members of an archive, one after another, with their checksums at the end."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Self

from pydantic import BaseModel

from vultus.portable.layout import SUMS, photo_name


class ArchiveWriter:
    """A new file, readable by this user only. Use it as a context manager: the checksums are written at its end.

    Of the archive it holds in memory nothing but the member being written.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")  # noqa: SIM115
        self._sums = TemporaryFile(dir=path.parent)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._file, self._sums:
            if kind is None:
                size = self._sums.tell()
                self._sums.seek(0)
                self._member(SUMS, self._sums, size)
                self._file.write(bytes(2 * tarfile.BLOCKSIZE))
                self._file.flush()
                os.fsync(self._file.fileno())

    def add(self, name: str, data: bytes) -> None:
        """Add a member."""
        self._member(name, io.BytesIO(data), len(data))
        self._sums.write(f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode("ascii"))

    def add_value(self, name: str, value: BaseModel) -> None:
        """Add a JSON value."""
        self.add(name, value.model_dump_json(indent=2).encode("utf-8") + b"\n")

    def add_photo(self, key: str, data: bytes) -> None:
        """Add a photo; its key is the sha256 of its bytes."""
        self.add(photo_name(key), data)

    def _member(self, name: str, content: IO[bytes], size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        self._file.write(member.tobuf(tarfile.USTAR_FORMAT))
        while chunk := content.read(tarfile.RECORDSIZE):
            self._file.write(chunk)
        self._file.write(bytes(-size % tarfile.BLOCKSIZE))
