"""What monitoring looks at: how much is stored and free, how each process works, how collections are searched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vultus.records.server_processes import ServerProcess


@dataclass(frozen=True)
class CollectionSize:
    """How many are enrolled in one collection. unknown_faces: of nobody known, kept for review."""

    name: str
    subjects: int
    faces: int
    unknown_faces: int = 0


@dataclass(frozen=True)
class SlotLoad:
    """How many compute slots there are and are taken, and how many requests wait for one and may wait."""

    slots: int
    busy: int
    waiting: int
    queue: int


@dataclass(frozen=True)
class LoadedIndex:
    """A collection that a process searches. kind: "exact", "pq" or "hnsw", see `search.recall.SearchState`.

    memory_bytes: of the process; 0 where the database searches. recall: 0..1, as measured, 1 where every face is
    compared. refused: an index was made and finds too little.
    """

    collection: str
    kind: str
    faces: int
    memory_bytes: int
    recall: float
    refused: bool = False


@dataclass(frozen=True)
class LoadedModel:
    """A recognition model in memory. precision: "fp32" or "int8"."""

    id: str
    precision: str


@dataclass(frozen=True)
class Sample:
    """What is stored and how much room there is, as of one moment; sizes in bytes.

    database_up: whether the database answered; where it did not, the collections are those of the last time.
    photo_bytes: of the stored photos, a photo of several faces once. last_backup: when the last verified backup was
    made, None where none is known of. own_backups: whether `vultus backup` makes them. disk_*: of the disk of the data
    folder, 0 while it is away. device, arithmetic:
    as the settings and the processor choose them. failed_self_tests: of models as they were loaded, in words.
    photos_waiting: photos of erased faces that are still to be removed, the oldest of them photos_waiting_since.
    servers: the server processes of the database.
    without_liveness: collections whose policy asks for liveness while its model is not installed.
    """

    at: datetime
    database_up: bool
    collections: tuple[CollectionSize, ...]
    models: tuple[LoadedModel, ...]
    database_bytes: int
    wal_bytes: int
    photo_bytes: int
    disk_free_bytes: int
    disk_bytes: int
    last_backup: datetime | None
    device: str
    arithmetic: str
    failed_self_tests: tuple[str, ...] = ()
    own_backups: bool = True
    without_liveness: int = 0
    photos_waiting: int = 0
    photos_waiting_since: datetime | None = None
    servers: tuple[ServerProcess, ...] = ()


@dataclass(frozen=True)
class Work:
    """What one process of the server does at this moment.

    connections: those that are open; working: those of them between a request and its answer; may_work: the limit of
    these. audit_waiting: lines that are not written yet; audit_lost: that were given up since it began. started_at:
    Unix time. indexes: of the collections in its memory.
    """

    ready: bool = False
    requests: int = 0
    body_bytes: int = 0
    slots: int = 0
    busy: int = 0
    waiting: int = 0
    queue: int = 0
    connections: int = 0
    working: int = 0
    may_work: int = 0
    audit_waiting: int = 0
    audit_lost: int = 0
    memory_bytes: int = 0
    started_at: float = 0.0
    indexes: tuple[LoadedIndex, ...] = ()


@dataclass(frozen=True)
class Workers:
    """The processes of a server, and what they do together. restarts: of workers that died, since the start."""

    wanted: int
    alive: int
    restarts: int
    work: Work
