"""Deletes the removals that no replica needs any more; one that was away for longer loads its collections again.

A replica that was not heard of for that long is forgotten.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from vultus.storage import tables as t
from vultus.storage.database import Database
from vultus.storage.replication.replicas import database_clock

NEEDED_SECONDS = 3600.0  # how long a replica that is not heard of is waited for
M, R, P = t.replica_marks.c, t.removals.c, t.pruned_removals.c


class RemovalPruning:
    """The removals of all collections, pruned again and again by one server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._before: dict[int, int] = {}  # the revisions at the last time: who has loaded since may not have said so

    def prune(self) -> bool:
        """Delete what all replicas have followed by the last call; False: there is no more. Raises: StorageFailed."""
        with self._database.reading() as connection:  # first without a lock, as mostly there is nothing
            logged = set(connection.scalars(select(R.collection_pk).distinct()))
            forgotten = connection.scalar(select(func.count()).where(_not_needed(connection)))
        if forgotten or logged & self._before.keys():
            with self._database.locking_rows() as connection:
                connection.execute(delete(t.replicas).where(_not_needed(connection)))
                needed = _needed(connection)
                for pk in sorted(logged & self._before.keys()):
                    _prune(connection, pk, min(self._before[pk], needed.get(pk, self._before[pk])))
        with self._database.reading() as connection:
            c = t.collections.c
            self._before = {row.pk: row.revision for row in connection.execute(select(c.pk, c.revision))}
        return False


def _not_needed(connection: Connection) -> ColumnElement[bool]:
    """Whether a replica was not heard of for so long that nobody waits for it."""
    return t.replicas.c.seen_at < database_clock(connection) - timedelta(seconds=NEEDED_SECONDS)


def _needed(connection: Connection) -> dict[int, int]:
    """From which revision on some replica needs the removals, by the number of the collection."""
    rows = connection.execute(select(M.collection_pk, func.min(M.revision).label("revision")).group_by(M.collection_pk))
    return {row.collection_pk: row.revision for row in rows}


def _prune(connection: Connection, collection_pk: int, revision: int) -> None:
    """Delete the removals of a collection up to a revision, and note it."""
    gone = connection.execute(delete(t.removals).where(R.collection_pk == collection_pk, R.revision <= revision))
    if gone.rowcount:
        connection.execute(delete(t.pruned_removals).where(P.collection_pk == collection_pk))
        connection.execute(insert(t.pruned_removals).values(collection_pk=collection_pk, revision=revision))
