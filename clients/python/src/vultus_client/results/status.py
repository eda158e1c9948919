"""The answer of /status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vultus_client.results.record import Record


@dataclass(frozen=True, kw_only=True)
class Workers(Record):
    """The processes that serve."""

    wanted: int
    serving: int
    restarts: int
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class LoadedModel(Record):
    """A recognition model in memory."""

    model: str
    precision: str


@dataclass(frozen=True, kw_only=True)
class Enrolled(Record):
    """How many are enrolled, in the collections that the key may use."""

    collections: int
    subjects: int
    faces: int
    unknown_faces: int


@dataclass(frozen=True, kw_only=True)
class Queue(Record):
    """Requests and compute slots at this moment."""

    requests: int
    compute_slots: int
    busy_slots: int
    waiting: int
    may_wait: int
    connections: int
    working_connections: int
    may_work: int


@dataclass(frozen=True, kw_only=True)
class Storage(Record):
    """What is stored, in bytes."""

    database_up: bool
    database_bytes: int
    wal_bytes: int
    photo_bytes: int
    disk_free_bytes: int
    disk_bytes: int
    last_backup: datetime | None
    photos_waiting: int
    photos_waiting_since: datetime | None
    audit_lines_waiting: int
    audit_lines_lost: int
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class Server(Record):
    """A server process of the database, as of its last heartbeat; true while it lives."""

    id: str
    host: str | None
    process_id: int | None
    state: str
    version: str
    started_at: datetime | None
    seen_at: datetime
    search: str | None
    collections: int
    behind: int
    clock_ahead_seconds: float
    model: str
    model_sha256: str
    pipeline_version: int
    calibrations_sha256: str

    def __bool__(self) -> bool:
        return self.state == "living"


@dataclass(frozen=True, kw_only=True)
class Status(Record):
    """How the service is; true when it is ready. Without a key all after `version` is None."""

    status: str
    reason: str | None
    version: str
    warnings: tuple[str, ...] | None = None
    uptime_seconds: float | None = None
    device: str | None = None
    precision: str | None = None
    models: tuple[LoadedModel, ...] | None = None
    workers: Workers | None = None
    enrolled: Enrolled | None = None
    queue: Queue | None = None
    storage: Storage | None = None
    servers: tuple[Server, ...] | None = None

    def __bool__(self) -> bool:
        return self.status == "ready"
