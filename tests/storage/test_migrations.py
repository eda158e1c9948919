"""Migrations: repeated, concurrent, from the future."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.pool import StaticPool

from vultus.errors import StorageFailed
from vultus.storage.database import open_engine, reading, writing
from vultus.storage.migrations import MIGRATIONS, migrate
from vultus.storage.tables import METADATA

VERSION = len(MIGRATIONS)


def test_migrating_twice_changes_nothing(engine):
    assert migrate(engine) == VERSION
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT version FROM schema_version").scalars().all() == [VERSION]


def test_the_migrated_schema_is_that_of_the_tables(engine):
    described = create_engine("sqlite://", poolclass=StaticPool)
    METADATA.create_all(described)
    assert set(inspect(engine).get_table_names()) == {*METADATA.tables, "schema_version"}
    for table in METADATA.tables:
        assert schema(engine, table) == schema(described, table)


def schema(engine: Engine, table: str) -> object:
    """Columns, foreign keys, and what is indexed and unique, as SQLite sees them."""
    with engine.connect() as connection:

        def ask(what: str, name: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {what}({name})")]

        indexes = {(row[2], tuple(ask("index_info", str(row[1])))) for row in ask("index_list", table)}
        return ask("table_info", table), ask("foreign_key_list", table), indexes


def test_a_newer_schema_is_refused_in_words(engine):
    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO schema_version (version) VALUES (99)")
    with pytest.raises(StorageFailed, match=f"schema 99, this Vultus knows schemas up to {VERSION}; install the newer"):
        migrate(engine)


def test_a_migration_that_fails_leaves_nothing(url):
    def half(connection):
        connection.exec_driver_sql("CREATE TABLE half (x INTEGER)")
        raise RuntimeError

    engine = open_engine(url)
    with pytest.raises(RuntimeError):
        migrate(engine, (*MIGRATIONS, half))
    assert "half" not in inspect(engine).get_table_names()
    assert migrate(engine) == VERSION


def test_the_steps_run_in_order_and_once(engine):
    ran = []
    steps = (*MIGRATIONS, lambda _: ran.append(2), lambda _: ran.append(3))
    assert migrate(engine, steps) == migrate(engine, steps) == VERSION + 2
    assert ran == [2, 3]


def test_threads_may_start_together(url):
    def start(_: int) -> int:
        return migrate(open_engine(url))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(start, range(8))) == [VERSION] * 8


def test_processes_may_start_together(url):
    code = (
        "import sys\nfrom vultus.storage.database import open_engine\nfrom vultus.storage.migrations import migrate\n"
        "sys.stdin.readline(); print(migrate(open_engine(sys.argv[1])))"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", code, url], **pipes) for _ in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == [str(VERSION)] * 3
    with reading(open_engine(url)) as connection:
        assert connection.exec_driver_sql("PRAGMA page_size").scalar_one() == 16_384
