"""The server processes of a database: those that live, and those that were killed, until they are forgotten."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from sqlalchemy import Connection, select

from vultus.records.server_processes import FollowedCollection, ServerProcess
from vultus.storage import tables as t
from vultus.storage.replication.replicas import LIVING_SECONDS, database_clock

R, M, C = t.replicas.c, t.replica_marks.c, t.collections.c


def select_servers(connection: Connection) -> tuple[ServerProcess, ...]:
    """All of them, those that have served longest first."""
    now, followed = database_clock(connection), _followed(connection)
    found = []
    for row in connection.execute(select(t.replicas).order_by(R.started_at, R.id)):
        known = {name: value for name, value in row._mapping.items() if name != "seal"}
        living = now - row.seen_at <= timedelta(seconds=LIVING_SECONDS)
        found.append(ServerProcess(**known, living=living, followed=tuple(followed[row.id])))
    return tuple(found)


def _followed(connection: Connection) -> defaultdict[str, list[FollowedCollection]]:
    """The collections in the memory of each, by its id; without those that are erased by now."""
    rows = connection.execute(
        select(M.replica_id, M.revision, C.name, C.revision.label("newest"))
        .join(t.collections, C.pk == M.collection_pk)
        .order_by(C.name)
    )
    found: defaultdict[str, list[FollowedCollection]] = defaultdict(list)
    for row in rows:
        # After a failover to a standby that lacks the last changes, the memory of a server is ahead for a moment.
        behind = max(0, row.newest - row.revision)
        found[row.replica_id].append(FollowedCollection(row.name, row.revision, behind))
    return found
