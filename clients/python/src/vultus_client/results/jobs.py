"""Results about the work in the background."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vultus_client.results.record import Record


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """Work in the background. done: how many of total. problem: why it failed or waits. created_by: the id of a key."""

    job_id: str
    kind: str
    collection: str | None
    state: str
    cancelling: bool
    done: int
    total: int
    problem: str | None
    created_by: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class JobCounts(Record):
    """How many photos had which outcome. erased: of persons who were erased since."""

    enrolled: int
    already_enrolled: int
    refused: int
    erased: int


@dataclass(frozen=True, kw_only=True)
class JobItem(Record):
    """What became of one photo. file: its name in the archive, or its address. error, detail: of a refusal."""

    number: int
    file: str
    subject: str | None
    outcome: str
    face_id: str | None
    error: str | None
    detail: str | None
    cautions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class JobWebhook(Record):
    """The address that is told of the end, and how that went."""

    address: str
    state: str
    attempts: int
    next_at: datetime | None
    status: int | None
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class JobDetails(Job):
    """A job with what became of its photos. items: the first of them; `jobs.items` gives all."""

    counts: JobCounts
    items: tuple[JobItem, ...]
    next_cursor: str | None
    webhook: JobWebhook | None
