"""The erasure ledger: a file outside the data folder that outlives a restore, so that nobody who was erased comes back.

    {"erasure_ledger": 1, "key": "id of its key"}
    {"at": "2026-11-26T10:30:00+00:00", "kind": "subject", "collection": HASH, "subject": HASH, "faces": [HASH, ...]}

One JSON object a line; lines are only ever added. A hash is keyed (`ledger_key.py`) and covers when a subject or
collection was made, so that one made again under the same id is another one, whatever a clock says; ids of faces are
random. A line is on the disk before its erasure is committed: an acknowledged erasure is always in it. Of one that
failed all the same a second line says that it is withdrawn; a process killed in between leaves a line without an
erasure, which the next start completes.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from vultus.errors import StorageFailed
from vultus.files import PRIVATE, sync_folder
from vultus.storage.erasure_ledger.ledger_key import LedgerKey, read_or_make_key

FORMAT = 1
_TO_WRITE = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
Kind = Literal["collection", "subject", "face"]


@dataclass(frozen=True)
class Made:
    """A collection or subject and when it was made, aware."""

    id: str
    at: datetime


@dataclass(frozen=True)
class Erasure:
    """What is erased: a collection with all it holds, a subject with its faces, or a face."""

    kind: Kind
    collection: Made
    subject: Made | None = None
    faces: Sequence[str] = ()


@dataclass(frozen=True)
class Erased:
    """All that a ledger names, as hashes. faces_of_subjects: erased together with their subject."""

    collections: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)
    faces: set[str] = field(default_factory=set)
    faces_of_subjects: set[str] = field(default_factory=set)


class ErasureLedger:
    """The ledger in one file, written by several threads and processes. Every method may raise StorageFailed."""

    def __init__(self, path: Path) -> None:
        """Makes the file and its key where there is none. Raises StorageFailed, when it cannot be written."""
        self.path = path
        with self._opened() as descriptor:
            is_empty = os.fstat(descriptor).st_size == 0
            self.key = read_or_make_key(path, may_make=is_empty)
            if is_empty:
                _append(descriptor, {"erasure_ledger": FORMAT, "key": self.key.id})
                sync_folder(path.parent)
        self._require_its_key()

    @property
    def bytes(self) -> int:
        """The size of the file, which only grows."""
        with self._opened() as descriptor:
            return os.fstat(descriptor).st_size

    def add(self, erasure: Erasure) -> str:
        """Write a line, which is on the disk afterwards; its name, by which it can be withdrawn."""
        hashes: dict[str, Any] = {"collection": hash_of_collection(self.key, erasure.collection)}
        if erasure.subject is not None:
            hashes["subject"] = hash_of_subject(self.key, erasure.collection.id, erasure.subject)
        if erasure.kind != "collection":
            hashes["faces"] = [hash_of_face(self.key, face) for face in erasure.faces]
        with self._opened() as descriptor:
            return _append(descriptor, {"at": _now(), "kind": erasure.kind, **hashes})

    def withdraw(self, line: str) -> None:
        """Say of a line that its erasure did not happen."""
        with self._opened() as descriptor:
            _append(descriptor, {"at": _now(), "kind": "withdrawn", "line": line})

    def erased(self) -> Erased:
        """All that was erased. Raises StorageFailed, when a whole line cannot be understood."""
        lines = {name: values for name, values in self._lines() if "kind" in values}
        withdrawn = {values["line"] for values in lines.values() if values["kind"] == "withdrawn"}
        found = Erased()
        for name, values in lines.items():
            if name not in withdrawn and values["kind"] != "withdrawn":
                _add(found, values)
        return found

    def _lines(self) -> Generator[tuple[str, dict[str, Any]], None, None]:
        """Each line with its name. What a crash cut off, before its erasure was acknowledged, is left out."""
        with self._opened() as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            for number, line in enumerate(file, 1):
                text = line.rstrip(b"\n")
                if not text.endswith(b"}"):
                    continue
                try:
                    values = json.loads(text)
                    known = values.get("erasure_ledger", FORMAT) == FORMAT
                except (ValueError, AttributeError) as exc:
                    problem = f"line {number} of the erasure ledger {self.path} is damaged"
                    raise StorageFailed(f"{problem}; put back a copy of it that is whole") from exc
                if not known:
                    raise StorageFailed(f"the erasure ledger {self.path} is of a newer Vultus; install that one")
                yield _name(text), values

    def _require_its_key(self) -> None:
        with closing(self._lines()) as lines:
            _, head = next(lines, ("", {}))
        if head.get("key") != self.key.id:
            raise StorageFailed(
                f"{self.path} is no erasure ledger, or its key beside it is another one's; name the right file with "
                "VULTUS_ERASURE_LEDGER, or put its key back"
            )

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, held against other writers."""
        try:
            descriptor = os.open(
                self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError as exc:
            raise StorageFailed(
                f"the erasure ledger {self.path} cannot be used ({exc.strerror or exc}), and nothing is erased without "
                "it; see that its folder is there, has space, and lets this user write"
            ) from exc


def hash_of_collection(key: LedgerKey, collection: Made) -> str:
    """The hash of a collection, as it was made at its time."""
    return key.hash("collection", collection.id, _utc(collection.at))


def hash_of_subject(key: LedgerKey, collection: str, subject: Made) -> str:
    """The hash of a subject, as it was made at its time."""
    return key.hash("subject", collection, subject.id, _utc(subject.at))


def hash_of_face(key: LedgerKey, face_id: str) -> str:
    """The hash of a face."""
    return key.hash("face", face_id)


def _add(found: Erased, values: dict[str, Any]) -> None:
    kind, faces = values["kind"], values.get("faces", ())
    if kind == "collection":
        found.collections.add(values["collection"])
    elif kind == "subject":
        found.subjects.add(values["subject"])
        found.faces_of_subjects.update(faces)
    else:
        found.faces.update(faces)


def _append(descriptor: int, values: dict[str, Any]) -> str:
    """Write one line, after ending one that a crash cut off, and sync it."""
    text = json.dumps(values).encode("ascii")
    size = os.fstat(descriptor).st_size
    whole = size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
    data = (b"" if whole else b"\n") + text + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)
    return _name(text)


def _name(line: bytes) -> str:
    return sha256(line).hexdigest()[:32]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
