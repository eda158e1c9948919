"""The counts of several worker processes: a folder in memory, from which any of them answers for all.

    folder/counter_PID.db, histogram_PID.db   of prometheus_client, mapped by the worker that counts; they stay when it
                                              has died, so that no count is lost
           work-PID.json                      what a worker does, see `records.samples.Work`; removed when it has died
           workers.json                       what the parent knows: how many there shall be, how many died

The parent makes the folder and removes it; where it was killed its workers do, or the next server does. A disk that is
full would end a process that writes to a mapped file, so the folder is in /dev/shm where there is one, and its room is
taken at once.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from vultus.records.samples import LoadedIndex, Work, Workers

log = logging.getLogger(__name__)

IN_MEMORY = Path("/dev/shm")
FILE_BYTES = 1 << 20  # of each kind and worker: counters take about 150 bytes each, some hundred kB with every label
ROOM_BYTES = 64 * FILE_BYTES
KINDS = ("counter", "histogram")
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read when prometheus_client is imported: a process counts in files or not
SUMMED = (
    *("requests", "body_bytes", "slots", "busy", "waiting", "queue"),
    *("connections", "working", "may_work", "audit_waiting", "audit_lost", "memory_bytes"),
)


class SharedCounts:
    """The folder of one server's workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def reserve(self, pid: int) -> None:
        """Take the room of this worker's files before it counts."""
        try:
            for kind in KINDS:
                descriptor = os.open(self.folder / f"{kind}_{pid}.db", os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    if hasattr(os, "posix_fallocate"):
                        os.posix_fallocate(descriptor, 0, FILE_BYTES)
                finally:
                    os.close(descriptor)
        except OSError as exc:
            log.warning("there is little room for the counts of this worker in %s: %s", self.folder, exc.strerror)

    def publish(self, pid: int, work: Work) -> None:
        """Leave what this worker does for the others."""
        self._write(f"work-{pid}.json", asdict(work))

    def publish_parent(self, *, wanted: int, restarts: int) -> None:
        """Leave what the parent knows."""
        self._write("workers.json", {"wanted": wanted, "restarts": restarts})

    def forget(self, pid: int) -> None:
        """The worker has ended: what it did counts, what it does is nothing."""
        (self.folder / f"work-{pid}.json").unlink(missing_ok=True)
        mark_process_dead(pid, str(self.folder))  # type: ignore[no-untyped-call]

    def remove(self) -> None:
        """The server is gone: give the memory back."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def workers(self) -> Workers:
        """What all workers do together, as they said within the last seconds."""
        works = [work for path in self.folder.glob("work-*.json") if (work := _work(path)) is not None]
        parent = _read(self.folder / "workers.json") or {}
        alive = sum(work.ready for work in works)
        return Workers(parent.get("wanted", len(works)), alive, parent.get("restarts", 0), together(works))

    def collector(self) -> MultiProcessCollector:
        """The counts of all workers, those of the dead ones too."""
        return MultiProcessCollector(None, str(self.folder))  # type: ignore[no-untyped-call]

    def _write(self, name: str, content: dict[str, Any]) -> None:
        temporary = self.folder / f".{name}-{os.getpid()}"
        try:
            temporary.write_text(json.dumps(content), "ascii")
            os.replace(temporary, self.folder / name)
        except OSError as exc:  # the folder is full or gone: the others go without it
            log.warning("the metrics of this process are not up to date: %s", exc.strerror)


def together(works: list[Work]) -> Work:
    """The sum of what several processes do. Of a collection in memory of several, the lowest recall."""
    sums = {name: sum(getattr(work, name) for work in works) for name in SUMMED}
    started = min((work.started_at for work in works), default=0.0)
    return Work(any(work.ready for work in works), **sums, started_at=started, indexes=_merged(works))


def _merged(works: list[Work]) -> tuple[LoadedIndex, ...]:
    """One line for each collection and kind. Memory is added up, also what the workers have mapped together."""
    found: dict[tuple[str, str], LoadedIndex] = {}
    for one in (index for work in works for index in work.indexes):
        other = found.get((one.collection, one.kind), one)
        found[one.collection, one.kind] = LoadedIndex(
            *(one.collection, one.kind, max(one.faces, other.faces)),
            memory_bytes=one.memory_bytes + (0 if other is one else other.memory_bytes),
            recall=min(one.recall, other.recall),
            refused=one.refused or other.refused,
        )
    return tuple(found.values())


def _work(path: Path) -> Work | None:
    stored = _read(path)
    if stored is None or set(stored) != {field.name for field in fields(Work)}:
        return None
    return Work(**{**stored, "indexes": tuple(LoadedIndex(**one) for one in stored["indexes"])})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text("ascii"))
    except (OSError, ValueError):  # its worker has ended
        return None
    return found


@contextmanager
def shared_counts(data_dir: Path) -> Iterator[SharedCounts]:
    """An empty folder for the workers that serve a data folder, readable by this user only; gone at the end."""
    folder = _place(data_dir)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield SharedCounts(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(data_dir: Path) -> Path:
    """In memory, under a name that belongs to this user and data folder, unless somebody else has taken it."""
    absolute = str(data_dir.resolve())
    folder = IN_MEMORY / f"vultus-{os.geteuid()}-{sha256(absolute.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
    try:
        room = os.statvfs(IN_MEMORY)
        if not os.access(IN_MEMORY, os.W_OK) or room.f_bavail * room.f_frsize < ROOM_BYTES:
            return data_dir / "shared-counts"
        if os.lstat(folder).st_uid != os.geteuid():
            return data_dir / "shared-counts"
    except FileNotFoundError:
        return folder if IN_MEMORY.is_dir() else data_dir / "shared-counts"
    except OSError:
        return data_dir / "shared-counts"
    return folder


@contextmanager
def counting_in(shared: SharedCounts) -> Iterator[None]:
    """A process that is started inside counts in this folder: see `VARIABLE`."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(shared.folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
