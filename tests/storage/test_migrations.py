"""Migrations: repeated, concurrent, from the past and from the future."""

from __future__ import annotations

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.pool import StaticPool

from tests.storage.synthetic import MODEL, new_face, sha256, unit
from tests.waiting import patient
from vultus.errors import StorageFailed
from vultus.records.seen import Float32
from vultus.search.index import FlatIndex
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import (
    FIRST_ON_POSTGRES,
    VERSIONS,
    migrate,
    newest_schema,
    revisions,
    schema_version,
)
from vultus.storage.tables import METADATA

VERSION = newest_schema()
MOMENT = "2026-01-01 00:00:00.000000"


def test_migrating_twice_changes_nothing(database):
    assert migrate(database) == VERSION
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [
            f"{VERSION:04d}"
        ]


def test_the_revisions_are_one_line_with_one_head_and_numbered_without_gaps():
    scripts = revisions()
    assert list(scripts.get_heads()) == [f"{VERSION:04d}"]
    line = [(script.revision, script.down_revision) for script in scripts.walk_revisions()][::-1]
    numbers = [f"{number:04d}" for number in range(1, VERSION + 1)]
    assert line == list(zip(numbers, [None, *numbers[:-1]], strict=True))
    assert len(list(VERSIONS.rglob("rev_*.py"))) == VERSION
    assert len(list((VERSIONS / "before_postgres").glob("rev_*.py"))) == FIRST_ON_POSTGRES


def test_a_start_that_finds_nothing_to_do_does_not_wait_for_writers(database, other_database):
    with database.writing():
        assert migrate(other_database) == VERSION


def test_migrating_logs_nothing(url, caplog):
    with caplog.at_level(logging.WARNING):
        migrate(open_database(url))
    assert caplog.records == []


@pytest.mark.sqlite
def test_the_migrated_schema_is_that_of_the_tables(database):
    described = create_engine("sqlite://", poolclass=StaticPool)
    METADATA.create_all(described)
    counting = {"alembic_version", "schema_version"}
    assert set(inspect(database.engine).get_table_names()) == {*METADATA.tables, *counting}
    for table in METADATA.tables:
        assert schema(database.engine, table) == schema(described, table)


def schema(engine: Engine, table: str) -> object:
    """Columns, foreign keys, and what is indexed and unique, as SQLite sees them."""
    with engine.connect() as connection:

        def ask(what: str, name: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {what}({name})")]

        indexes = {(row[2], tuple(ask("index_info", str(row[1])))) for row in ask("index_list", table)}
        foreign_keys = {row[2:] for row in ask("foreign_key_list", table)}  # without their order
        return ask("table_info", table), foreign_keys, indexes


# --- from the schema before codes


def fill_version_1(url: str, counts: dict[int, int]) -> dict[int, Float32]:
    """A database as Vultus 0.1 left it: per dimension a collection "dN" of so many faces, five to a subject."""
    database, vectors = open_database(url), {}
    migrate(database, until=1)
    pk = 0
    with database.writing() as connection:
        for number, (dimension, count) in enumerate(counts.items(), 1):
            values = (number, f"d{dimension}", MODEL, 1, dimension, count, MOMENT)
            connection.exec_driver_sql("INSERT INTO collections VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            vectors[dimension] = np.stack([unit(seed, dimension) for seed in range(count)])
            for row, vector in enumerate(vectors[dimension]):
                pk += 1
                subject = number * 10_000 + row // 5
                person = (subject, number, f"s{row // 5}", "{}", MOMENT)
                connection.exec_driver_sql(
                    "INSERT OR IGNORE INTO subjects (pk, collection_pk, id, metadata_json, created_at) "
                    "VALUES (?, ?, ?, ?, ?)",
                    person,
                )
                face = (pk, f"{pk:032x}", number, subject, row + 1, sha256(str(pk)), sha256(str(pk)), 640, 480, 9)
                rest = ("[1, 2, 3, 4]", "[]", 0.9, 80.0, "{}", MOMENT)
                connection.exec_driver_sql(f"INSERT INTO faces VALUES ({', '.join('?' * 16)})", (*face, *rest))
                connection.exec_driver_sql("INSERT INTO embeddings VALUES (?, ?)", (pk, vector.tobytes()))
        connection.exec_driver_sql("INSERT INTO removals VALUES (1, 1, 1, 'an id')")
    database.close()
    return vectors


@pytest.mark.sqlite
def test_a_gallery_of_the_version_before_is_searched_exactly(url):
    vectors = fill_version_1(url, {16: 5_000, 8: 300, 512: 30})
    database = open_database(url)
    assert migrate(database) == VERSION
    index = FlatIndex(Gallery(database))
    for dimension, rows in vectors.items():
        for seed in (0, 7, len(rows) - 1, 99_999):
            (found,) = index.search(f"d{dimension}", unit(seed, dimension)[None, :], 3)
            best = np.argsort(-(rows.astype(np.float64) @ unit(seed, dimension)), kind="stable")
            wanted = list(dict.fromkeys(f"s{row // 5}" for row in best))[:3]
            assert [line.subject for line in found] == wanted
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM codes").scalar_one() == 5_330
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


@pytest.mark.sqlite
def test_a_migrated_gallery_goes_on_growing_and_forgetting(url):
    fill_version_1(url, {16: 40})
    database = open_database(url)
    migrate(database)
    gallery = Gallery(database)
    index = FlatIndex(gallery)
    assert index.size("d16") == (8, 40)
    gallery.add_faces("d16", "anna", [new_face(1_000)])
    gallery.delete_subject("d16", "s0")
    assert index.size("d16") == FlatIndex(gallery).size("d16") == (8, 36)
    assert index.search("d16", unit(1_000)[None, :], 1)[0][0].subject == "anna"


@pytest.mark.sqlite
def test_a_newer_schema_is_refused_in_words(database):
    with database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO schema_version (version) VALUES (99)")
    with pytest.raises(StorageFailed, match=f"schema 99, this Vultus knows schemas up to {VERSION}; install the newer"):
        migrate(database)


@pytest.mark.parametrize("revision", ["0099", "1975ea83b712"])
def test_an_unknown_revision_is_refused_in_words_and_left_as_it_is(database, revision):
    with database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    for call in (migrate, schema_version) if not revision.isdecimal() else (migrate,):
        with pytest.raises(StorageFailed, match=f"schema (99|'{revision}'), this Vultus knows schemas up to {VERSION}"):
            call(database)
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == revision


def add_revision(folder: Path, number: int, body: str) -> Path:
    """A revision after those of this code, in a folder of its own."""
    catalog = "CATALOG = {'sqlite': 'sqlite_master', 'postgresql': 'pg_tables'}\n"
    head = f'{catalog}revision = "{number:04d}"\ndown_revision = "{number - 1:04d}"\n\n\ndef upgrade(op):\n'
    folder.mkdir(exist_ok=True)
    (folder / f"rev_{number:04d}.py").write_text(f"{head}    {body}\n", "utf-8")
    return folder


def test_a_migration_that_fails_leaves_nothing(tmp_path, url):
    body = "op.execute('CREATE TABLE half (x INTEGER)'); raise RuntimeError"
    folders = (VERSIONS, add_revision(tmp_path / "more", VERSION + 1, body))
    database = open_database(url)
    with pytest.raises(RuntimeError):
        migrate(database, folders=folders)
    assert "half" not in inspect(database.engine).get_table_names()
    assert migrate(database) == schema_version(database) == VERSION


def test_the_steps_run_in_order_and_once(tmp_path, database):
    for number in (1, 2):
        made = f"'CREATE TABLE step_{number} AS SELECT count(*) AS before FROM '"
        body = f"op.execute({made} + CATALOG[op.get_bind().dialect.name])"
        more = add_revision(tmp_path / "more", VERSION + number, body)
    assert migrate(database, folders=(VERSIONS, more)) == migrate(database, folders=(VERSIONS, more)) == VERSION + 2
    with database.reading() as connection:
        first, second = (connection.exec_driver_sql(f"SELECT before FROM step_{n}").scalar_one() for n in (1, 2))
    assert second == first + 1
    with pytest.raises(StorageFailed, match=f"schema {VERSION + 2}, this Vultus knows schemas up to {VERSION}"):
        migrate(database)


def test_a_process_killed_within_a_migration_leaves_the_schema_before(tmp_path, database, url):
    body = "op.execute('CREATE TABLE half (x INTEGER)'); print(1, flush=True); __import__('time').sleep(60)"
    more = add_revision(tmp_path / "more", VERSION + 1, body)
    code = (
        "import sys\nfrom pathlib import Path\nfrom vultus.storage.database import open_database\n"
        "from vultus.storage.migrations.runner import VERSIONS, migrate\n"
        "migrate(open_database(sys.argv[1]), folders=(VERSIONS, Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, url, str(more)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "1\n"
        process.kill()
    assert "half" not in inspect(database.engine).get_table_names()
    assert migrate(database) == VERSION


def test_threads_may_start_together(url):
    def start(_: int) -> int:
        return migrate(open_database(url))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(start, range(8))) == [VERSION] * 8


def test_processes_may_start_together(url):
    code = (
        "import sys\nfrom vultus.storage.database import open_database\n"
        "from vultus.storage.migrations.runner import migrate\n"
        "sys.stdin.readline(); print(migrate(open_database(sys.argv[1])))"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", code, url], **pipes) for _ in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=patient())[0].strip() for process in processes] == [str(VERSION)] * 3
    if url.startswith("sqlite"):
        with open_database(url).reading() as connection:
            assert connection.exec_driver_sql("PRAGMA page_size").scalar_one() == 16_384
