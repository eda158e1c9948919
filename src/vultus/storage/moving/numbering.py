"""Where the numbering of new rows goes on: that of a collection, an audit line or a job is never used again."""

from __future__ import annotations

from sqlalchemy import Connection, Integer, Table, func, select

from vultus.storage.moving.table_rows import MOVED

# Tables whose rows the database numbers.
NUMBERED = tuple(table for table in MOVED if "pk" in table.c and isinstance(table.c.pk.type, Integer))


def last_numbers(connection: Connection) -> dict[str, int]:
    """The highest number that each numbered table ever gave, as far as the database knows; 0 before the first."""
    return {table.name: max(_highest(connection, table), _given(connection, table)) for table in NUMBERED}


def go_on_after(connection: Connection, numbers: dict[str, int]) -> None:
    """Let each table go on after its number, in a write transaction."""
    for table in NUMBERED:
        number = numbers[table.name]
        if connection.dialect.name == "postgresql":
            setval = "SELECT setval(pg_get_serial_sequence(%s, 'pk'), %s, %s)"
            connection.exec_driver_sql(setval, (table.name, max(number, 1), number > 0))
        elif _keeps_numbers(table):
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
            connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (table.name, number))


def _highest(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.coalesce(func.max(table.c.pk), 0))).scalar_one())


def _given(connection: Connection, table: Table) -> int:
    if connection.dialect.name == "postgresql":
        last = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(%s, 'pk')::regclass), 0)"
        return int(connection.exec_driver_sql(last, (table.name,)).scalar_one())
    if not _keeps_numbers(table):
        return 0
    known = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).scalar()
    return int(known or 0)


def _keeps_numbers(table: Table) -> bool:
    """Whether SQLite remembers numbers of this table that are gone."""
    return bool(table.dialect_options["sqlite"]["autoincrement"])
