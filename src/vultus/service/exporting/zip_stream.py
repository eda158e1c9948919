"""A zip file that is made while it is sent: only a part of it is in memory at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

Entry = tuple[str, Iterable[bytes]]
STORED = (".jpg",)  # compressed already
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can have: the times of what is held are inside
MODE = 0o600 << 16  # readable by its owner only


def zip_of(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The bytes of the zip, in parts about as large as those of its entries, which are read one after the other."""
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for name, parts in entries:
            info = ZipInfo(name, DATE)
            info.compress_type = ZIP_STORED if name.endswith(STORED) else ZIP_DEFLATED
            info.external_attr = MODE
            with archive.open(info, "w", force_zip64=True) as entry:
                for part in parts:
                    entry.write(part)
                    yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since."""
        data = bytes(self._held)
        self._held.clear()
        return data
