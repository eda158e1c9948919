"""The answer of /status: its shape and converter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from vultus.records.samples import CollectionSize, Sample, Workers
from vultus.records.server_processes import ServerProcess


class WorkersStatus(BaseModel):
    """The processes that serve."""

    wanted: int
    serving: int
    restarts: int = Field(description="Processes that died since the start and were replaced.")
    memory_bytes: int = Field(description="Of all together.")


class ModelStatus(BaseModel):
    """A recognition model in memory."""

    model: str
    precision: str


class EnrolledStatus(BaseModel):
    """How many are enrolled, in the collections that the key may use."""

    collections: int
    subjects: int
    faces: int
    unknown_faces: int = Field(description="Of nobody known, kept for review.")


class QueueStatus(BaseModel):
    """Requests and compute slots at this moment."""

    requests: int = Field(description="Not answered yet.")
    compute_slots: int
    busy_slots: int
    waiting: int = Field(description="Requests that wait for a compute slot.")
    may_wait: int
    connections: int = Field(description="Open ones.")
    working_connections: int
    may_work: int = Field(description="The most connections between a request and its answer.")


class StorageStatus(BaseModel):
    """What is stored, in bytes."""

    database_up: bool
    database_bytes: int
    wal_bytes: int = Field(description="The write-ahead log of the database.")
    photo_bytes: int
    disk_free_bytes: int
    disk_bytes: int
    last_backup: AwareDatetime | None = Field(description="Of the last verified backup; null: none is known of.")
    photos_waiting: int = Field(description="Photos of erased faces that are still to be removed.")
    photos_waiting_since: AwareDatetime | None = Field(description="Since when the oldest of them waits.")
    audit_lines_waiting: int
    audit_lines_lost: int
    as_of: AwareDatetime


class ServerStatus(BaseModel):
    """A server process of the database, as of its last heartbeat; with workers each of them is one."""

    id: str
    host: str | None
    process_id: int | None
    state: Literal["living", "not heard of"]
    version: str
    started_at: AwareDatetime | None
    seen_at: AwareDatetime
    search: Literal["memory", "database"] | None
    collections: int = Field(description="Of those that the key may use, how many it has in memory.")
    behind: int = Field(description="How many of these have changed since.")
    clock_ahead_seconds: float
    model: str
    model_sha256: str = Field(description="Of what the model is made from.")
    pipeline_version: int
    calibrations_sha256: str = Field(description="Of the operator's own calibrations.")


class StatusAnswer(BaseModel):
    """Without a key all after `version` is left out."""

    status: Literal["ready", "not_ready"]
    reason: str | None = Field(description="Why it is not ready.")
    version: str
    warnings: list[str] | None = Field(default=None, description="What an operator should look at, and what to do.")
    uptime_seconds: float | None = None
    device: str | None = Field(default=None, description="What computes: cpu or cuda.")
    precision: str | None = Field(default=None, description="The arithmetic of the models that have it.")
    models: list[ModelStatus] | None = None
    workers: WorkersStatus | None = None
    enrolled: EnrolledStatus | None = None
    queue: QueueStatus | None = None
    storage: StorageStatus | None = None
    servers: list[ServerStatus] | None = None


def short_status(version: str, reason: str | None) -> StatusAnswer:
    """What anybody may know. reason: None when it is ready."""
    state: Literal["ready", "not_ready"] = "ready" if reason is None else "not_ready"
    return StatusAnswer(status=state, reason=reason, version=version)


def full_status(
    version: str,
    reason: str | None,
    sample: Sample,
    workers: Workers,
    warnings: Sequence[str],
    now: datetime,
    may_see: Callable[[str], bool],
) -> StatusAnswer:
    """What a caller with a key may know. may_see: whether a collection may be counted."""
    short = short_status(version, reason)
    began = datetime.fromtimestamp(workers.work.started_at, UTC)
    full = {
        "warnings": list(warnings),
        "uptime_seconds": round((now - began).total_seconds(), 1),
        "device": sample.device,
        "precision": sample.arithmetic,
        "models": [ModelStatus(model=one.id, precision=one.precision) for one in sample.models],
        "workers": _workers(workers),
        "enrolled": _enrolled([one for one in sample.collections if may_see(one.name)]),
        "queue": _queue(workers),
        "storage": _storage(sample, workers),
        "servers": [server_status(one, may_see) for one in sample.servers],
    }
    return short.model_copy(update=full)


def server_status(server: ServerProcess, may_see: Callable[[str], bool] = lambda _: True) -> ServerStatus:
    """may_see: whether a collection may be counted."""
    followed = [one for one in server.followed if may_see(one.collection)]
    return ServerStatus(
        id=server.id,
        host=server.host,
        process_id=server.process_id,
        state="living" if server.living else "not heard of",
        version=server.version,
        started_at=server.started_at,
        seen_at=server.seen_at,
        search=server.search,
        collections=len(followed),
        behind=sum(one.behind > 0 for one in followed),
        clock_ahead_seconds=round(server.ahead_seconds, 3),
        model=server.model_id,
        model_sha256=server.model_sha256,
        pipeline_version=server.pipeline_version,
        calibrations_sha256=server.calibrations,
    )


def _workers(workers: Workers) -> WorkersStatus:
    return WorkersStatus(
        wanted=workers.wanted,
        serving=workers.alive,
        restarts=workers.restarts,
        memory_bytes=workers.work.memory_bytes,
    )


def _enrolled(sizes: Sequence[CollectionSize]) -> EnrolledStatus:
    return EnrolledStatus(
        collections=len(sizes),
        subjects=sum(one.subjects for one in sizes),
        faces=sum(one.faces for one in sizes),
        unknown_faces=sum(one.unknown_faces for one in sizes),
    )


def _queue(workers: Workers) -> QueueStatus:
    work = workers.work
    return QueueStatus(
        requests=work.requests,
        compute_slots=work.slots,
        busy_slots=work.busy,
        waiting=work.waiting,
        may_wait=work.queue,
        connections=work.connections,
        working_connections=work.working,
        may_work=work.may_work,
    )


def _storage(sample: Sample, workers: Workers) -> StorageStatus:
    return StorageStatus(
        database_up=sample.database_up,
        database_bytes=sample.database_bytes,
        wal_bytes=sample.wal_bytes,
        photo_bytes=sample.photo_bytes,
        disk_free_bytes=sample.disk_free_bytes,
        disk_bytes=sample.disk_bytes,
        last_backup=sample.last_backup,
        photos_waiting=sample.photos_waiting,
        photos_waiting_since=sample.photos_waiting_since,
        audit_lines_waiting=workers.work.audit_waiting,
        audit_lines_lost=workers.work.audit_lost,
        as_of=sample.at,
    )
