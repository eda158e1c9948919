"""Databases of earlier releases, with data in them, go on with this one and lose nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.first_release.folder import make_released_database
from tests.storage.synthetic import DIMENSION, unit
from tests.storage.test_migrations import fill_version_1
from vultus.backup.integrity import faults
from vultus.backup.seal_check import broken_seals
from vultus.errors import StorageFailed
from vultus.records.seen import Quality
from vultus.records.stored import CollectionPolicies
from vultus.search.index import FlatIndex
from vultus.storage.audit import Act, Audit
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate, newest_schema, schema_version
from vultus.storage.photos import LocalPhotoStore

pytestmark = pytest.mark.sqlite

SECRET = "vk_made_by_the_release"
TABLES = ("collections", "subjects", "faces", "embeddings", "codes", "removals", "api_keys", "audit")


@pytest.fixture
def released(tmp_path) -> Path:
    """The file of a database of the last release before Alembic."""
    file = tmp_path / "data" / "vultus.db"
    file.parent.mkdir(mode=0o700)
    make_released_database(file)
    return file


def content(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows, and the SQL of all tables, indexes and triggers, but those that count schemas."""
    with closing(sqlite3.connect(file)) as connection:
        rows = {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in TABLES}
        names = "SELECT name, sql FROM sqlite_master WHERE tbl_name NOT IN ('schema_version', 'alembic_version')"
        return {**rows, "schema": connection.execute(f"{names} ORDER BY name").fetchall()}


def make_older(file: Path, schema: int) -> None:
    """Take away what this release keeps about schemas, so that the file is as the release of that schema left it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE alembic_version")
        assert connection.execute("SELECT max(version) FROM schema_version").fetchone() == (schema,)
        connection.commit()


def test_a_database_of_the_release_is_taken_over_as_it_is(tmp_path, released, url):
    before = content(released)
    database = open_database(url)
    assert migrate(database) == newest_schema()
    if newest_schema() == 3:
        assert content(released) == before
    assert KeyStore(database).authenticate(SECRET, datetime.now(UTC)).name == "door"
    gallery = Gallery(database)
    assert gallery.subject("people", "s1").name == "Name 1"
    for seed, subject in ((0, "s0"), (1, "s1"), (2, "s0")):
        assert FlatIndex(gallery).search("people", unit(seed)[None, :], 1)[0][0].subject == subject
        LocalPhotoStore(tmp_path / "photos").put(f"photo {seed}".encode())
    assert gallery.collection("people").policies == CollectionPolicies()
    assert [gallery.faces("people", "s0")[place].quality.version for place in (0, 1)] == [1, 1]
    assert list(faults(database, LocalPhotoStore(tmp_path / "photos"))) == []
    database.close()


def test_lines_of_before_decisions_are_sealed_again_unless_they_were_changed(tmp_path, url):
    database = open_database(url)
    migrate(database, until=11)
    add = "INSERT INTO audit (at, actor, action, objects, object_count, outcome) VALUES (?, ?, 'find', '[]', 0, 'ok')"
    with database.writing() as connection:
        for actor in ("k1", "k2"):
            connection.exec_driver_sql(add, ("2030-01-01 00:00:00.000000", actor))
    with closing(sqlite3.connect(tmp_path / "data" / "vultus.db")) as outside:
        triggers = outside.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            outside.execute(f"DROP TRIGGER {name}")
        outside.execute("UPDATE audit SET actor = 'k9' WHERE pk = 2")
        for _, sql in triggers:
            outside.execute(sql)
        outside.commit()
    assert migrate(database) == newest_schema()
    with database.reading() as connection:
        assert list(broken_seals(database, connection)) == [
            "1 rows of audit were changed from outside or damaged: number 2"
        ]


def test_a_new_database_has_the_schema_of_the_release(released):
    """The first three revisions are the statements of that release."""
    made = released.with_name("made.db")
    other = open_database(f"sqlite:///{made}")
    migrate(other, until=3)
    other.close()
    assert content(made)["schema"] == content(released)["schema"]


def test_the_release_before_still_reads_the_schema_number(released, database):
    """So that it refuses a newer database in its own words; it knew only this table."""
    with database.reading() as connection:
        numbers = connection.exec_driver_sql("SELECT version FROM schema_version ORDER BY version").scalars().all()
    assert numbers == list(range(1, newest_schema() + 1))


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_every_released_schema_is_taken_over(tmp_path, url, schema):
    database = open_database(url)
    migrate(database, until=schema)
    database.close()
    make_older(tmp_path / "data" / "vultus.db", schema)
    database = open_database(url)
    assert schema_version(database) == schema
    assert migrate(database) == schema_version(database) == newest_schema()
    assert list(faults(database, LocalPhotoStore(tmp_path / "photos"))) == []
    database.close()


def test_several_starts_at_once_take_a_database_over_once(released, url):
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(migrate, [open_database(url) for _ in range(4)])) == {newest_schema()}
    with closing(sqlite3.connect(released)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(f"{newest_schema():04d}",)]


def test_a_released_database_from_the_future_is_left_as_it_is(released, url):
    with closing(sqlite3.connect(released)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99)")
        connection.commit()
    before = content(released)
    with pytest.raises(StorageFailed, match="the database has schema 99, this Vultus knows schemas up to"):
        migrate(open_database(url))
    assert content(released) == before


def test_keys_and_faces_of_version_2_get_audit_and_rotation(tmp_path, url):
    fill_version_1(url, {DIMENSION: 1})
    database = open_database(url)
    migrate(database, until=2)
    face_id = f"{1:032x}"
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    key = ("k" * 32, "door", digest, '["find"]', None, "2026-01-01 00:00:00.000000", None, None, None, None)
    with database.writing() as connection:
        connection.exec_driver_sql(f"INSERT INTO api_keys VALUES ({', '.join('?' * 10)})", key)
    database.close()
    make_older(tmp_path / "data" / "vultus.db", 2)

    database = open_database(url)
    assert migrate(database) == newest_schema()
    gallery, keys, audit = Gallery(database), KeyStore(database), Audit(database)
    assert gallery.face(face_id).quality == Quality(80.0, {}, version=1)
    assert gallery.collection("d16").policies == CollectionPolicies()
    assert FlatIndex(gallery).search("d16", unit(0)[None, :], 1)[0][0].face_id == face_id
    now = datetime.now(UTC)
    rotation = keys.acting_as(Act("command")).rotate("k" * 32, overlap=timedelta(hours=1))
    assert keys.authenticate(SECRET, now) == keys.authenticate(rotation.secret, now) == rotation.key
    gallery.acting_as(Act("command")).delete_subject("d16", "s0")
    assert [(line.action, line.objects) for line in audit.lines()] == [
        ("key.rotate", ("k" * 32,)),
        ("subject.erase", (face_id,)),
    ]
    assert list(faults(database, LocalPhotoStore(tmp_path / "photos"))) == []


def test_what_can_be_undone_survives_the_replacement_of_the_table_of_faces(url):
    """Revision 0006 drops the table that `undo_faces` refers to, with a cascade."""
    fill_version_1(url, {DIMENSION: 2})
    with closing(open_database(url)) as database:
        migrate(database, until=5)
        with database.writing() as connection:
            connection.exec_driver_sql(
                "INSERT INTO undo_log VALUES (1, ?, 1, 'face.move', '2100-01-01', 10000, NULL, '{}')", ("a" * 32,)
            )
            connection.exec_driver_sql("INSERT INTO undo_faces VALUES (1, 2, 2, 1, NULL)")
        migrate(database)
        with database.reading() as connection:
            assert connection.exec_driver_sql("SELECT undo_pk, face_pk FROM undo_faces").all() == [(1, 2)]
            assert connection.exec_driver_sql("SELECT count(*) FROM embeddings").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
