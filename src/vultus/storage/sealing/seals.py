"""SQL of the seals, which triggers write beside every row, and which reads that decide compare.

A seal is over the name of the table, the kind of each value, and all values of the row but the seal: the function
`vultus_seal`, which each connection gets with the installation key. A row that is about to be changed must match its
seal: a change would otherwise give a forged row a good one. A row may always be deleted.

On PostgreSQL rows have no seals: its server is another process, often on another machine, and a function there would
have to know the key. Every row counts as sound, and the functions that seal do nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnClause, ColumnElement, Connection, Table
from sqlalchemy.ext.compiler import compiles

from vultus.errors import InstallationKeyMissing, SealBroken, StorageFailed
from vultus.storage import tables as t
from vultus.storage.database import Database

SEALED_SINCE = 11  # the schema
BROKEN = "a stored row does not match its seal"
ADVICE = "run: vultus check"
SEALED = tuple(table for table in t.METADATA.tables.values() if "seal" in table.c)


def sealed_columns(table: Table) -> tuple[str, ...]:
    """The names of the columns that a seal covers: all but the seal."""
    return tuple(column.name for column in table.columns if column.name != "seal")


def seal_sql(table: str, columns: Sequence[str], row: str) -> str:
    """The seal of a row as SQL. row: what its columns are qualified with, as NEW in a trigger."""
    names = [f'{row}."{column}"' for column in columns]
    kinds = " || ".join(f"typeof({name})" for name in names)
    # As bytes, because a damaged text may be no Unicode.
    values = ", ".join(f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END" for name in names)
    return f"vultus_seal('{table}', {kinds}, {values})"


class _Sound(ColumnClause[bool]):
    """An expression of SQLite as text; true on PostgreSQL."""

    inherit_cache = True


@compiles(_Sound, "postgresql")
def _always_sound(element: _Sound, compiler: Any, **kw: Any) -> str:
    return "true"


def sound(table: Table) -> ColumnElement[bool]:
    """Whether a row of the table in a statement matches its seal."""
    matches = f"{table.name}.seal IS {seal_sql(table.name, sealed_columns(table), table.name)}"
    return _Sound(matches, Boolean(), is_literal=True)


def require_sound(is_sound: bool, what: str) -> None:
    """Raises: SealBroken, when a row is not what was sealed. what: the row, as in "the row of key 1f"."""
    if not is_sound:
        raise SealBroken(f"{what} does not match its seal, so it is not used; {ADVICE}")


def create_triggers(connection: Connection, table: str, columns: Sequence[str]) -> None:
    """Create the triggers that seal the rows of a table as they are inserted and changed; none on PostgreSQL."""
    if not _seals(connection):
        return
    sealing = f"UPDATE {table} SET seal = {seal_sql(table, columns, 'NEW')} WHERE rowid = NEW.rowid"
    matches = f"OLD.seal IS {seal_sql(table, columns, 'OLD')}"
    names = ", ".join(f'"{column}"' for column in columns)
    connection.exec_driver_sql(f"CREATE TRIGGER {table}_sealed AFTER INSERT ON {table} BEGIN {sealing}; END")
    connection.exec_driver_sql(
        f"CREATE TRIGGER {table}_sealed_again AFTER UPDATE OF {names} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{BROKEN}') WHERE NOT {matches}; {sealing}; END"
    )


def trigger_names() -> frozenset[str]:
    """The names of all triggers that seal."""
    return frozenset(f"{table.name}{end}" for table in SEALED for end in ("_sealed", "_sealed_again"))


def seal_rows(connection: Connection, table: str, columns: Sequence[str]) -> None:
    """Seal all rows of a table as they are, whatever their seals were; nothing on PostgreSQL."""
    if _seals(connection):
        connection.exec_driver_sql(f"UPDATE {table} SET seal = {seal_sql(table, columns, table)}")


def seal_anew(database: Database) -> None:
    """Seal all rows as they are, with the present installation key; for rows of a lost key.

    Raises: StorageFailed, also when the database is of an older schema, or seals no rows.
    """
    if not database.seals_rows:
        raise StorageFailed("rows in PostgreSQL have no seals, so there is nothing to seal")
    with database.writing() as connection:
        for table in SEALED:
            seal_rows(connection, table.name, sealed_columns(table))
        connection.exec_driver_sql("INSERT OR REPLACE INTO installation VALUES (1, vultus_key_id())")


def require_same_key(database: Database) -> None:
    """Raises: InstallationKeyMissing, when the rows were sealed with another installation key, or there is none."""
    if not is_same_key(database):
        raise InstallationKeyMissing(
            f"the rows of the database were not sealed with the installation key {database.installation_key.path}; put "
            "the right one there, or name its file with VULTUS_INSTALLATION_KEY_FILE. If it is lost: "
            "vultus check --seal-anew"
        )


def is_same_key(database: Database) -> bool:
    """Whether the rows were sealed with the installation key that there is. Raises: InstallationKeyMissing."""
    with database.reading() as connection:
        stored = connection.execute(t.installation.select()).one_or_none()
    return stored is not None and stored.key_id == database.installation_key.id


def _seals(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"
