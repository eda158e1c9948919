"""The rows of a table in the order of its primary key: some at a time, and the digest of all of them.

The digest is of values, not of how a database stores them: equal on SQLite and PostgreSQL. Seals are left out, as each
installation has its own; they are compared with their rows instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Column, ColumnElement, Connection, String, Table, collate, func, literal, select, tuple_

from vultus.errors import SealBroken
from vultus.storage import tables as t
from vultus.storage.database import Database
from vultus.storage.sealing.seals import ADVICE, sound

ROWS_AT_ONCE = 1_000  # 2.5 MB of embeddings
# The id of the installation key and the replicas belong to a database.
_LEFT = (t.installation, t.replicas, t.replica_marks)
# In an order in which a row comes after those that it belongs to.
MOVED = tuple(table for table in t.METADATA.sorted_tables if table not in _LEFT)
Advance = Callable[[int], None]  # is told of how many more rows something is done

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Content:
    """How many rows a table has, and the sha256 of their values, 64 hex digits."""

    rows: int
    sha256: str


def moved_columns(table: Table) -> list[Column[Any]]:
    """The columns of a table that are moved: all but the seal."""
    return [column for column in table.columns if column.name != "seal"]


def row_count(connection: Connection, table: Table) -> int:
    """How many rows a table has."""
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def highest_key(connection: Connection, table: Table) -> Key | None:
    """The primary key of the last row; None where there is none."""
    newest_first = [column.desc() for column in _ordered(connection, table)]
    row = connection.execute(select(*table.primary_key.columns).order_by(*newest_first).limit(1)).one_or_none()
    return None if row is None else tuple(row)


def chunks(
    database: Database, table: Table, *, after: Key | None = None, size: int = ROWS_AT_ONCE
) -> Iterator[list[dict[str, Any]]]:
    """The rows after a key, values by the name of their column; each list is read in a transaction of its own.

    Raises: SealBroken, for a row that is not what was sealed.
    """
    key = [column.name for column in table.primary_key.columns]
    while True:
        with database.reading() as connection:
            rows = _after(connection, table, after, size)
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = tuple(rows[-1][name] for name in key)


def content(
    database: Database, table: Table, *, size: int = ROWS_AT_ONCE, advance: Advance = lambda rows: None
) -> Content:
    """What a table holds. Raises: SealBroken."""
    digest, count = hashlib.sha256(), 0
    for rows in chunks(database, table, size=size):
        for row in rows:
            digest.update(_bytes_of(row.values()))
        count += len(rows)
        advance(len(rows))
    return Content(count, digest.hexdigest())


def _after(connection: Connection, table: Table, after: Key | None, size: int) -> list[dict[str, Any]]:
    ordered = _ordered(connection, table)
    statement = select(*moved_columns(table), sound(table).label("is_sound")).order_by(*ordered).limit(size)
    if after is not None:
        types = [column.type for column in table.primary_key.columns]
        last = [literal(value, kind) for value, kind in zip(after, types, strict=True)]
        statement = statement.where(tuple_(*ordered) > tuple_(*last))
    rows = [dict(row) for row in connection.execute(statement).mappings()]
    if not all(row.pop("is_sound") for row in rows):
        raise SealBroken(f"a row of the table {table.name} does not match its seal, so nobody is moved; {ADVICE}")
    return rows


def _ordered(connection: Connection, table: Table) -> Sequence[ColumnElement[Any]]:
    """The columns of the primary key, in the one order that all databases have: texts by code point."""
    columns = table.primary_key.columns
    if connection.dialect.name != "postgresql":
        return list(columns)
    return [collate(column, "C") if isinstance(column.type, String) else column for column in columns]


def _bytes_of(values: Any) -> bytes:
    """The values of a row as bytes, which no other values have."""
    head: list[object] = []
    blobs = [b""]  # the head's place
    for value in values:
        if isinstance(value, np.ndarray | bytes):
            blob = bytes(value) if isinstance(value, bytes) else value.tobytes()
            blobs.append(blob)
            head.append((len(blob),))
        elif isinstance(value, datetime):
            head.append(value.astimezone(UTC).isoformat())
        else:  # 0.0 and -0.0 are one: SQLite stores one
            head.append(value + 0.0 if isinstance(value, float) else value)
    blobs[0] = repr(head).encode("utf-8", "surrogatepass")
    return b"".join(blobs)
