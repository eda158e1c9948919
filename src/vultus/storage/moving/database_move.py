"""One move: look at both databases, copy, compare, finish. The source is only read.

Rows go table by table in the order of their primary key, some in a transaction. So whatever a table of the target has
is the beginning of it, and a move that was stopped goes on after the highest key that is there. A target is either
empty or has the mark of a move of this very state of the source; the mark goes in the last transaction, when the
digests of all tables are equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, insert, inspect

from vultus.errors import SettingsInvalid, StorageFailed, StorageUnavailable
from vultus.storage.audit import Act, insert_lines
from vultus.storage.database import Database
from vultus.storage.migrations.runner import migrate, newest_schema, schema_version
from vultus.storage.moving.numbering import go_on_after, last_numbers
from vultus.storage.moving.table_rows import (
    MOVED,
    ROWS_AT_ONCE,
    Advance,
    Content,
    chunks,
    content,
    highest_key,
    row_count,
)
from vultus.storage.moving.unfinished import UnfinishedMove, begin_move, finish_move, unfinished_move
from vultus.storage.sealing.seals import require_same_key
from vultus.storage.tables import collections

OTHER_TARGET = "name an empty database with --to, or empty this one"


@dataclass(frozen=True)
class Source:
    """What is to be moved. rows: by the name of their table. state: the digest that tells whether it has changed."""

    rows: dict[str, int]
    state: str


def examine_source(database: Database) -> Source:
    """What a database holds. Raises: StorageFailed, when it is of another schema; InstallationKeyMissing."""
    schema, newest = schema_version(database), newest_schema()
    if schema != newest:
        raise StorageFailed(
            f"the database has schema {schema}, and a move needs {newest}: start the server of this Vultus once, which "
            "brings it up to date, stop it, and move then"
        )
    if database.seals_rows:
        require_same_key(database)
    return _state(database)


def rows_there(database: Database, source: Source) -> int:
    """How many rows of an unfinished move of this source the target holds; 0 when it is empty.

    Raises: StorageFailed, when it holds anything else.
    """
    with database.reading() as connection:
        begun = unfinished_move(connection)
        counts = _counts(connection)
        foreign = [] if counts else inspect(connection).get_table_names()
    if begun is not None and begun != UnfinishedMove(source.state, newest_schema()):
        raise StorageFailed(
            "the target holds an unfinished move of another source, or the source has changed since: empty the target "
            "and move again"
        )
    held = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if begun is None and (held or foreign):
        raise StorageFailed(f"the target holds {held or f'{len(foreign)} tables of something else'}; {OTHER_TARGET}")
    return sum(counts.values())


def copy_rows(
    source: Database, target: Database, known: Source, *, advance: Advance = lambda rows: None, size: int = ROWS_AT_ONCE
) -> None:
    """Copy all rows that the target does not have yet, in transactions of `size` rows.

    advance: is called after each transaction with the number of its rows.
    Raises: StorageFailed, SealBroken, InvalidRequest (a text that the target cannot store).
    """
    _prepare(target, known)
    for table in MOVED:
        with target.reading() as connection:
            last = highest_key(connection, table)
        for rows in chunks(source, table, after=last, size=size):
            with target.writing() as connection:
                connection.execute(insert(table), rows)
            advance(len(rows))


def compare(source: Database, target: Database, *, advance: Advance = lambda rows: None) -> dict[str, Content]:
    """The content of each table, which is the same in both, by the name of the table. advance: as of `content`.

    Raises: StorageFailed, naming the table that differs.
    """
    found = {}
    for table in MOVED:
        ours, theirs = content(source, table, advance=advance), content(target, table, advance=advance)
        if ours != theirs:
            raise StorageFailed(
                f"the table {table.name} differs: {ours.rows} rows in the source, {theirs.rows} in the target, or "
                "other values; was the source changed meanwhile? Empty the target and move again"
            )
        found[table.name] = ours
    return found


def finish(source: Database, target: Database, act: Act) -> None:
    """Let the numbering of the target go on as that of the source, audit the move there, and take the mark away."""
    with source.reading() as connection:
        numbers = last_numbers(connection)
    with target.writing() as connection:
        go_on_after(connection, numbers)
        insert_lines(connection, [act.line("move")])
        finish_move(connection)


@contextmanager
def leading(database: Database, what: str) -> Iterator[None]:
    """Be the one that works in the background there, as a server would. Raises: StorageFailed, when a server is."""
    if not database.leads():
        raise StorageFailed(f"a server uses {what}; stop all servers of it, and name different databases")
    yield


@contextmanager
def naming_target() -> Iterator[None]:
    """Refusals of a connection name the setting of the database, which here is the option."""
    try:
        yield
    except (SettingsInvalid, StorageUnavailable) as exc:
        raise SettingsInvalid(f"the target: {exc}".replace("VULTUS_DATABASE_URL", "--to")) from None


def _prepare(target: Database, known: Source) -> None:
    """Bring an empty target to the schema and mark it, or find the mark. Raises: StorageFailed."""
    with target.reading() as connection:
        begun = unfinished_move(connection)
    if begun is None:
        migrate(target)
        with target.writing() as connection:
            begin_move(connection, UnfinishedMove(known.state, newest_schema()))


def _state(database: Database) -> Source:
    """A change of a gallery raises a collection's revision; what else changes, the digests show at the end."""
    with database.reading() as connection:
        rows = _counts(connection)
        keys = [highest_key(connection, table) for table in MOVED]
    seen = repr((sorted(rows.items()), keys, content(database, collections).sha256))
    return Source(rows, hashlib.sha256(seen.encode()).hexdigest())


def _counts(connection: Connection) -> dict[str, int]:
    """The rows of the tables; none where the database has no tables of Vultus."""
    there = set(inspect(connection).get_table_names())
    return {table.name: row_count(connection, table) for table in MOVED if table.name in there}
