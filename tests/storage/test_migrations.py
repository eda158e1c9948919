"""Migrations: repeated, concurrent, from the past and from the future."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.pool import StaticPool

from tests.storage.synthetic import MODEL, new_face, sha256, unit
from vultus.errors import StorageFailed
from vultus.records import Float32
from vultus.search.index import FlatIndex
from vultus.storage.database import open_engine, reading, writing
from vultus.storage.gallery import Gallery
from vultus.storage.migrations import MIGRATIONS, migrate
from vultus.storage.tables import METADATA

VERSION = len(MIGRATIONS)
MOMENT = "2026-01-01 00:00:00.000000"


def test_migrating_twice_changes_nothing(engine):
    assert migrate(engine) == VERSION
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT version FROM schema_version").scalars().all() == [
            *range(1, VERSION + 1)
        ]


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


# --- from the schema before codes


def fill_version_1(url: str, counts: dict[int, int]) -> dict[int, Float32]:
    """A database as Vultus 0.1 left it: per dimension a collection "dN" of so many faces, five to a subject."""
    engine, vectors = open_engine(url), {}
    migrate(engine, MIGRATIONS[:1])
    pk = 0
    with writing(engine) as connection:
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
    engine.dispose()
    return vectors


def test_a_gallery_of_the_version_before_is_searched_exactly(url):
    vectors = fill_version_1(url, {16: 5_000, 8: 300, 512: 30})
    engine = open_engine(url)
    assert migrate(engine) == VERSION
    index = FlatIndex(Gallery(engine))
    for dimension, rows in vectors.items():
        for seed in (0, 7, len(rows) - 1, 99_999):
            (found,) = index.search(f"d{dimension}", unit(seed, dimension)[None, :], 3)
            best = np.argsort(-(rows.astype(np.float64) @ unit(seed, dimension)), kind="stable")
            wanted = list(dict.fromkeys(f"s{row // 5}" for row in best))[:3]
            assert [line.subject for line in found] == wanted
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM codes").scalar_one() == 5_330
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_a_migrated_gallery_goes_on_growing_and_forgetting(url):
    fill_version_1(url, {16: 40})
    engine = open_engine(url)
    migrate(engine)
    gallery = Gallery(engine)
    index = FlatIndex(gallery)
    assert index.size("d16") == (8, 40)
    gallery.add_faces("d16", "anna", [new_face(1_000)])
    gallery.delete_subject("d16", "s0")
    assert index.size("d16") == FlatIndex(gallery).size("d16") == (8, 36)
    assert index.search("d16", unit(1_000)[None, :], 1)[0][0].subject == "anna"


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
