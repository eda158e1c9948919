"""JobStore: the work that runs in the background, one row a job, so that it is known and goes on after a kill.

A job is queued by any process and run by one: the server, or a command while no server runs. Progress is stored in
steps; a job that was running when its process died is queued again at the next start and goes on from what its kind
has stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from vultus.errors import NotFound
from vultus.records.stored import ItemOutcome, Job, JobItem, JobState, Webhook
from vultus.storage import tables as t
from vultus.storage.audit import Act, record
from vultus.storage.collections import quoted
from vultus.storage.database import Database
from vultus.storage.job_records import job_items
from vultus.storage.job_records.job_history import UNFINISHED
from vultus.storage.job_records.webhook_rows import insert_webhook, select_webhook
from vultus.storage.sealing.seals import sound

ENROLL = "enroll"  # the kind of job that has outcomes


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Lane:
    """The jobs that one runner does, in their order: those of some kinds, or all but those of some kinds.

    So a re-embedding of days does not keep photos that were sent today waiting.
    """

    kinds: frozenset[str] = frozenset()
    others: bool = True

    def condition(self) -> ColumnElement[bool]:
        """Whether a job is of this lane."""
        kind = t.jobs.c.kind
        return kind.not_in(self.kinds) if self.others else kind.in_(self.kinds)


EVERY_KIND = Lane()


@dataclass(frozen=True)
class JobDetails:
    """A job with what became of its photos. counts: by outcome; erased: of persons who were erased since.

    webhook: None: nobody is told.
    """

    job: Job
    counts: Mapping[str, int]
    webhook: Webhook | None


class JobStore:
    """Every method is one transaction and may raise StorageFailed."""

    def __init__(self, database: Database, act: Act | None = None, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._act, self._clock = database, act, clock

    def add(
        self,
        kind: str,
        parameters: Mapping[str, Any],
        *,
        collection: str | None = None,
        job_id: str | None = None,
        total: int = 0,
        webhook: str | None = None,
        action: str | None = None,
    ) -> Job:
        """Queue a job; one of the same kind, collection and parameters that is not finished is returned as it is.

        job_id: None: a new one is made. webhook: the address that is told of its end. action: its name in the audit;
        None: the kind.
        """
        text, creator = json.dumps(parameters, sort_keys=True), None if self._act is None else self._act.actor
        c = t.jobs.c
        same = (c.kind == kind, c.collection == collection, c.parameters == text, c.state.in_(UNFINISHED))
        with self._database.writing() as connection:
            row = connection.execute(select(t.jobs).where(*same, c.cancelling == 0)).first()
            if row is None:
                values: dict[str, Any] = {"id": job_id or uuid4().hex, "kind": kind, "collection": collection}
                values |= {"parameters": text, "state": "queued", "cancelling": 0, "done": 0, "total": total}
                values |= {"created_at": self._clock(), "creator": creator}
                row = connection.execute(insert(t.jobs).values(values).returning(t.jobs)).one()
                if webhook is not None:
                    insert_webhook(connection, row.pk, webhook, row.created_at)
                record(connection, self._act, action or kind, collection=collection, objects=[row.id])
        return _job(row)

    def job(self, job_id: str) -> Job:
        """Raises: NotFound."""
        with self._database.reading() as connection:
            return _job(_row(connection, job_id))

    def details(self, job_id: str) -> JobDetails:
        """A job with what became of its photos so far. Raises: NotFound."""
        with self._database.reading() as connection:
            row = _row(connection, job_id)
            counts = dict(job_items.count_items(connection, row.pk))
            webhook = select_webhook(connection, row.pk)
        if row.kind == ENROLL:
            counts["erased"] = row.done - sum(counts.values())
        return JobDetails(_job(row), counts, webhook)

    def items(
        self, job: Job, *, after: int = -1, limit: int, outcome: ItemOutcome | None = None
    ) -> tuple[JobItem, ...]:
        """At most `limit` outcomes of a job in the order of its photos; after: only those of a higher number."""
        with self._database.reading() as connection:
            return job_items.select_items(connection, job.number, after=after, limit=limit, outcome=outcome)

    def page(
        self,
        *,
        before: int | None,
        limit: int,
        collections: Collection[str] | None = None,
        creator: str | None = None,
    ) -> tuple[Job, ...]:
        """At most `limit` jobs, newest first; before: only those of a lower number. collections, creator: None: all."""
        c = t.jobs.c
        statement = select(t.jobs).order_by(c.pk.desc()).limit(limit)
        if before is not None:
            statement = statement.where(c.pk < before)
        if collections is not None:
            statement = statement.where(c.collection.in_(tuple(collections)))
        if creator is not None:
            statement = statement.where(c.creator == creator)
        with self._database.reading() as connection:
            return tuple(_job(row) for row in connection.execute(statement))

    def of_collection(self, kind: str, collection: str) -> tuple[Job, ...]:
        """All jobs of a kind for a collection, newest first."""
        c = t.jobs.c
        statement = select(t.jobs).where(c.kind == kind, c.collection == collection).order_by(c.pk.desc())
        with self._database.reading() as connection:
            return tuple(_job(row) for row in connection.execute(statement))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: at once while it is queued, after its present step when it runs; an ended one stays as it is.

        Raises: NotFound.
        """
        with self._database.writing() as connection:
            row = _row(connection, job_id)
            if row.state in UNFINISHED and not row.cancelling:
                queued = row.state == "queued"
                changes = {"state": "cancelled", "ended_at": self._clock()} if queued else {"cancelling": 1}
                _change(connection, t.jobs.c.pk == row.pk, **changes)
                record(connection, self._act, "job.cancel", collection=row.collection, objects=[job_id])
            return _job(_row(connection, job_id))

    # --- for the process that runs them -------------------------------------------------------------------------

    def leads(self) -> bool:
        """Whether this process runs the jobs, alone of all servers of the database."""
        return self._database.leads()

    def resume_interrupted(self, lane: Lane = EVERY_KIND) -> int:
        """Queue again what a process that is gone was running; how many. Only for the process that alone runs jobs."""
        c = t.jobs.c
        with self._database.writing() as connection:
            running = (c.state == "running") & lane.condition() & sound(t.jobs)
            _change(connection, running & (c.cancelling == 1), state="cancelled", ended_at=self._clock())
            return _change(connection, running, state="queued")

    def start_next(self, lane: Lane = EVERY_KIND) -> Job | None:
        """The job that was queued first, running now; None when none is queued. A row that was changed is no job."""
        c = t.jobs.c
        first = select(t.jobs).where(c.state == "queued", lane.condition(), sound(t.jobs)).order_by(c.pk).limit(1)
        with self._database.reading() as connection:  # first without the write lock: mostly there is nothing to do
            if connection.execute(first).first() is None:
                return None
        with self._database.writing() as connection:
            row = connection.execute(first).first()
            if row is None:
                return None
            _change(connection, c.pk == row.pk, state="running", started_at=row.started_at or self._clock())
            return _job(_row(connection, row.id))

    def advance(self, job_id: str, done: int, total: int, items: Sequence[JobItem] = ()) -> bool:
        """Store the progress of a running job with the outcomes that belong to it; whether it is to go on.

        Raises: NotFound.
        """
        with self._database.writing() as connection:
            _change(connection, t.jobs.c.id == job_id, done=done, total=total)
            row = _row(connection, job_id)
            job_items.insert_items(connection, row.pk, items)
            return not row.cancelling

    def end(self, job_id: str, state: JobState, problem: str | None = None) -> None:
        """Store how a running job ended; "queued": it is to go on at the next start."""
        ended_at = None if state == "queued" else self._clock()
        with self._database.writing() as connection:
            _change(connection, t.jobs.c.id == job_id, state=state, problem=problem, ended_at=ended_at, cancelling=0)


def _change(connection: Connection, condition: ColumnElement[bool], **values: Any) -> int:
    return int(connection.execute(update(t.jobs).where(condition).values(values)).rowcount)


def _row(connection: Connection, job_id: str) -> Row[Any]:
    row = connection.execute(select(t.jobs).where(t.jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {quoted(job_id)}; list the jobs")
    return row


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        number=row.pk,
        kind=row.kind,
        collection=row.collection,
        parameters=json.loads(row.parameters),
        state=row.state,
        done=row.done,
        total=row.total,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        problem=row.problem,
        cancelling=bool(row.cancelling),
        creator=row.creator,
    )
