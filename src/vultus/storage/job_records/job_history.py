"""Which jobs are unfinished and which have ended; deletes those that ended long ago, with outcomes and webhooks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select

from vultus.storage import tables as t
from vultus.storage.database import Database

UNFINISHED = ("queued", "running")
JOBS_AT_ONCE = 5  # a bulk job has up to some ten thousand outcomes, which go with it in one transaction


class JobHistory:
    """Every method may raise StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prune_step(self, before: datetime, *, keep_last: Collection[str] = ()) -> bool:
        """Delete some of the jobs that ended before a moment, in one transaction; whether there may be more.

        keep_last: kinds of which the last job of each collection stays, as it says what was decided about it.
        """
        due = (t.jobs.c.ended_at < before) & ~_is_last_of(keep_last)
        statement = select(t.jobs.c.pk).where(due).order_by(t.jobs.c.pk).limit(JOBS_AT_ONCE)
        with self._database.reading() as connection:  # first without the write lock, as mostly nothing is due
            if connection.execute(statement).first() is None:
                return False
        with self._database.erasing() as connection:  # outcomes name subjects
            found = connection.execute(statement).scalars().all()
            connection.execute(delete(t.jobs).where(t.jobs.c.pk.in_(found)))
        return len(found) == JOBS_AT_ONCE

    def states(self, job_ids: Sequence[str]) -> Mapping[str, str]:
        """The states of those of the jobs that there are."""
        c = t.jobs.c
        with self._database.reading() as connection:
            rows = connection.execute(select(c.id, c.state).where(c.id.in_(job_ids)))
            return {row.id: row.state for row in rows}

    def unfinished(self, kind: str) -> frozenset[str]:
        """The ids of the jobs of a kind that are queued or running."""
        c = t.jobs.c
        with self._database.reading() as connection:
            found = connection.execute(select(c.id).where(c.kind == kind, c.state.in_(UNFINISHED)))
            return frozenset(found.scalars())


def _is_last_of(kinds: Collection[str]) -> ColumnElement[bool]:
    c = t.jobs.c
    last = select(func.max(c.pk)).where(c.kind.in_(tuple(kinds))).group_by(c.kind, c.collection)
    return c.pk.in_(last)
