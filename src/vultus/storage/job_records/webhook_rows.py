"""SQL of the webhooks of jobs, on an open connection; transactions are `webhook_queue.py` and `jobs.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from vultus.records.stored import Webhook
from vultus.storage import tables as t
from vultus.storage.sealing.seals import sound

ENDED = ("done", "failed", "cancelled")
ROW = t.webhooks.c


def insert_webhook(connection: Connection, job_pk: int, address: str, now: datetime) -> None:
    """Note whom to tell when a job has ended."""
    values = {"job_pk": job_pk, "address": address, "state": "waiting", "attempts": 0, "next_at": now}
    connection.execute(insert(t.webhooks).values(values))


def select_webhook(connection: Connection, job_pk: int) -> Webhook | None:
    """Whom a job tells; None: nobody."""
    row = connection.execute(select(t.webhooks).where(ROW.job_pk == job_pk)).one_or_none()
    return None if row is None else webhook_of(row)


def due_webhook(connection: Connection, now: datetime) -> Row[Any] | None:
    """The row of the webhook that has been due the longest, of a job that has ended, with the id of the job.

    A row that was changed from outside is none: nothing is sent to an address that nobody asked for.
    """
    statement = select(t.webhooks, t.jobs.c.id).join(t.jobs, t.jobs.c.pk == ROW.job_pk)
    statement = statement.where(ROW.state == "waiting", ROW.next_at <= now, t.jobs.c.state.in_(ENDED))
    statement = statement.where(sound(t.webhooks), sound(t.jobs)).order_by(ROW.next_at).limit(1)
    return connection.execute(statement).first()


def update_webhook(connection: Connection, job_pk: int, **values: Any) -> None:
    """Replace some values of a webhook."""
    connection.execute(update(t.webhooks).where(ROW.job_pk == job_pk).values(values))


def webhook_of(row: Row[Any]) -> Webhook:
    """What a row says."""
    next_at = row.next_at if row.state == "waiting" else None
    return Webhook(row.address, row.state, row.attempts, next_at, row.status, row.problem)
