"""Reads the members of an archive in their order, each within a limit: the file may be cut, altered or hostile.

Only plain files by names of the layout are members. The headers are read here and not by `tarfile`, which believes the
sizes of long names and of extended headers, and holds these in memory. Nothing is unpacked to a path of the archive.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vultus.errors import InvalidRequest
from vultus.files import CHUNK_BYTES, open_regular
from vultus.portable.layout import FORMAT, FORMAT_NAME, JPEG_START, LIMITS, SUMS, VERSION, Kind, kind_of
from vultus.portable.lines import FormatFile, read_value

HOW_TO_GO_ON = "take the file as `vultus export` wrote it, or export again"


@dataclass(frozen=True, eq=False)
class Member:
    """One file of an archive. owner: its collection, the key of a photo, or "". data: all its bytes."""

    name: str
    kind: Kind
    owner: str
    data: bytes


def members(path: Path) -> Iterator[Member]:
    """All members but the checksums, which are compared: after the last one, the archive is known to be complete.

    Raises: InvalidRequest, when it is no archive, cut, altered, or of a newer format; OSError.
    """
    sums, complete, last = hashlib.sha256(), False, ""
    with open_regular(path) as file:
        while (header := _header(path, file)) is not None:
            name, size = header.name, header.size
            kind, owner = _belonging(path, header, after=complete)
            if not last and kind != "format":
                raise _unusable(path, f"it does not begin with {FORMAT}, so it is no archive of Vultus")
            last = name
            if kind == "sums":
                complete = _digest(path, file, size) == sums.hexdigest()
                if not complete:
                    raise _unusable(path, f"its content is not what its {SUMS} says")
            else:
                data = _data(path, file, kind, size, name)
                sums.update(f"{_checked(path, kind, owner, data)}  {name}\n".encode("ascii"))
                yield Member(name, kind, owner, data)
            _exactly(path, file, -size % tarfile.BLOCKSIZE)
    if not complete:
        raise _unusable(path, "it is cut off" if last else "it is no archive of Vultus")


def _header(path: Path, file: IO[bytes]) -> tarfile.TarInfo | None:
    """The next header; None at the end."""
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or not any(block):
        return None
    try:
        header = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.TarError, ValueError):
        raise _unusable(path, "it is no archive of Vultus, or damaged") from None
    return header


def _belonging(path: Path, header: tarfile.TarInfo, *, after: bool) -> tuple[Kind, str]:
    found = kind_of(header.name) if header.type in (tarfile.REGTYPE, tarfile.AREGTYPE) else None
    if found is None or after or header.size < 0:
        raise _unusable(path, f"it holds {header.name[:80]!a}, which does not belong there")
    return found


def _data(path: Path, file: IO[bytes], kind: Kind, size: int, name: str) -> bytes:
    if size > LIMITS[kind]:
        raise _unusable(path, f"{name} in it has {size} bytes, the limit is {LIMITS[kind]}")
    return _exactly(path, file, size)


def _checked(path: Path, kind: Kind, owner: str, data: bytes) -> str:
    """The sha256 of a member. Raises: InvalidRequest, when it is a photo of another name, or another format."""
    digest = hashlib.sha256(data).hexdigest()
    if kind == "photo" and (digest != owner or not data.startswith(JPEG_START)):
        raise _unusable(path, f"photo {owner[:12]}... in it is damaged, or no JPEG")
    if kind == "format":
        version = read_value(FormatFile, data, f"{FORMAT} of {path}").version
        if version != VERSION:
            raise _unusable(path, f"it is a {FORMAT_NAME} of version {version}, and this Vultus reads {VERSION}")
    return digest


def _digest(path: Path, file: IO[bytes], size: int) -> str:
    digest = hashlib.sha256()
    while size:
        chunk = _exactly(path, file, min(size, CHUNK_BYTES))
        digest.update(chunk)
        size -= len(chunk)
    return digest.hexdigest()


def _exactly(path: Path, file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise _unusable(path, "it is cut off")
    return data


def _unusable(path: Path, problem: str) -> InvalidRequest:
    return InvalidRequest(f"the archive {path} cannot be imported: {problem}; {HOW_TO_GO_ON}")
