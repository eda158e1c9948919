"""The mark in a database that a move has not finished: a table of its own, dropped in the last transaction of the move.

What such a database holds looks sound and is not everybody, so it is not served, and no command uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, inspect, select

from vultus.errors import StorageFailed

# source: the digest of the state of what is copied. schema: of both databases.
_MARK = Table("unfinished_move", MetaData(), Column("source", Text, nullable=False), Column("schema", Integer))


@dataclass(frozen=True)
class UnfinishedMove:
    """Which state of which source is being copied, by its digest, and the schema of both databases."""

    source: str
    schema: int


def unfinished_move(connection: Connection) -> UnfinishedMove | None:
    """The move that was begun into this database; None when there is none, or it was finished."""
    if not inspect(connection).has_table(_MARK.name):
        return None
    row = connection.execute(select(_MARK)).one()
    return UnfinishedMove(row.source, row.schema)


def begin_move(connection: Connection, move: UnfinishedMove) -> None:
    """Mark the database of a write transaction."""
    _MARK.create(connection)
    connection.execute(_MARK.insert().values(source=move.source, schema=move.schema))


def finish_move(connection: Connection) -> None:
    """Take the mark away."""
    _MARK.drop(connection)


def require_finished(connection: Connection) -> None:
    """Raises: StorageFailed, when a move into this database was begun and not finished."""
    if inspect(connection).has_table(_MARK.name):
        raise StorageFailed(
            "a move into this database did not finish, so it does not hold everybody; run the same vultus move again, "
            "which goes on, or use the database that it was made from"
        )
