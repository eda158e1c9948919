"""A database of the first schema of its engine, brought to the newest, is like one that was made today.

On PostgreSQL the first is FIRST_ON_POSTGRES, as `schema_13.sql` keeps it, and `tables.py` describes the newest; on
SQLite every database is made by the revisions, which `test_migrations.py` compares with `tables.py`.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.storage.synthetic import sha256
from vultus.storage.database import Database, open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import FIRST_ON_POSTGRES, migrate, newest_schema, schema_version

FIRST = Path(__file__).with_name(f"schema_{FIRST_ON_POSTGRES}.sql")
MOMENT = "2026-01-01 00:00:00.000000"
# What PostgreSQL's own catalogues say of everything in the schema, one statement a kind.
CATALOGUES = {
    "columns": """
        SELECT c.relname, a.attname, row_number() OVER (PARTITION BY c.oid ORDER BY attnum),
            format_type(atttypid, atttypmod), attnotnull, attstorage, collname, pg_get_expr(adbin, adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_collation k ON k.oid = attcollation
            LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped""",
    "relations": "SELECT relname, relkind, relpersistence, reloptions FROM pg_class WHERE relnamespace = "
    "'public'::regnamespace",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace",
    "triggers": "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "sequences": "SELECT sequencename, data_type::text, start_value, increment_by, cycle FROM pg_sequences",
}
FILLED = f"""
    INSERT INTO collections (pk, name, model_id, pipeline_version, dimension, revision, created_at)
        VALUES (1, 'people', 'model-a', 1, 4, 2, '{MOMENT}');
    INSERT INTO subjects (pk, collection_pk, id, metadata_json, created_at) VALUES (1, 1, 'anna', '{{}}', '{MOMENT}');
    INSERT INTO faces
        (pk, id, collection_pk, subject_pk, revision, photo_sha256, source_sha256, photo_bytes, created_at)
        VALUES (1, 'one', 1, 1, 1, '{sha256("photo")}', '{sha256("a")}', 9, '{MOMENT}'),
            (2, 'two', 1, 1, 2, '{sha256("photo")}', '{sha256("b")}', 9, '{MOMENT}'),
            (3, 'three', 1, 1, 2, NULL, '{sha256("c")}', NULL, '{MOMENT}');
"""


@pytest.fixture
def first(url, postgres) -> Database:
    """A database as the first release with PostgreSQL left it, or of the same schema in SQLite; with two photos."""
    database = open_database(url)
    if database.engine.dialect.name == "postgresql":
        name = str(database.engine.url.database)
        postgres.execute(FIRST.read_text("utf-8"), database=name)
        postgres.execute(FILLED, database=name)
    else:
        migrate(database, until=FIRST_ON_POSTGRES)
        with database.writing() as connection:
            for statement in FILLED.split(";\n")[:-1]:
                connection.exec_driver_sql(statement)
    assert schema_version(database) == FIRST_ON_POSTGRES
    return database


def catalogues(database: Database) -> dict[str, list[str]]:
    with database.reading() as connection:
        return {
            kind: sorted(str(tuple(row)) for row in connection.exec_driver_sql(statement).all())
            for kind, statement in CATALOGUES.items()
        }


@pytest.mark.postgres
def test_an_upgraded_postgres_is_like_a_new_one(first, postgres):
    with closing(first), closing(open_database(postgres.url(postgres.create_database()))) as new:
        assert migrate(first) == migrate(new) == newest_schema()
        upgraded, made = catalogues(first), catalogues(new)
        for kind in CATALOGUES:
            assert made[kind]
            assert upgraded[kind] == made[kind]
        assert schema_version(first) == schema_version(new)
        postgres.drop_database(str(new.engine.url.database))


@pytest.mark.postgres
def test_the_comparison_sees_a_difference(first):
    with closing(first):
        migrate(first)
        before = catalogues(first)
        with first.writing() as connection:
            connection.exec_driver_sql("DROP INDEX subjects_by_expiry")
            connection.exec_driver_sql("ALTER TABLE faces ALTER COLUMN photo_bytes TYPE BIGINT")
        after = catalogues(first)
        assert {kind for kind in before if before[kind] != after[kind]} == {"columns", "indexes", "relations"}


def test_the_photos_of_the_faces_are_known_after_the_upgrade(first):
    with closing(first):
        migrate(first)
        gallery = Gallery(first)
        with first.reading() as connection:
            rows = connection.exec_driver_sql("SELECT sha256, bytes, state FROM photos").all()
        assert [tuple(row) for row in rows] == [(sha256("photo"), 9, "live")]
        assert gallery.photo_bytes() == 9
        assert gallery.delete_face("one")[1] == ()
        assert gallery.delete_face("two")[1] == (sha256("photo"),)
        assert gallery.photos.waiting() == 1
