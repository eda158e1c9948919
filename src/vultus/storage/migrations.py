"""How the tables came to be: numbered functions, only ever added to, and the short runner.

A migration that has been released is never edited; `tables.py` describes the state after the last one, and a test
holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sqlalchemy import Connection, CursorResult, Engine

from vultus.errors import StorageFailed
from vultus.records import Float32
from vultus.search.int8_codes import quantise, to_blobs
from vultus.storage.database import open_engine, reading, writing

Migration = Callable[[Connection], None]
ROWS_AT_ONCE = 4096
_VERSION = "SELECT coalesce(max(version), 0) FROM schema_version"


def migrate(engine: Engine, migrations: tuple[Migration, ...] | None = None) -> int:
    """Bring the database to the schema of this code and return its version; safe to repeat and to run concurrently.

    migrations: the steps, the first makes version 1; all of this file when None.
    Raises: StorageFailed, when the database is newer than this code or cannot be written.
    """
    steps = MIGRATIONS if migrations is None else migrations
    version = -1
    while version < len(steps):
        with writing(engine) as connection:
            version = _version(connection)
            if version < len(steps):
                steps[version](connection)
                connection.exec_driver_sql("INSERT INTO schema_version (version) VALUES (?)", (version + 1,))
    if version > len(steps):
        raise StorageFailed(
            f"the database has schema {version}, this Vultus knows schemas up to {len(steps)}; "
            "install the newer Vultus again, or restore a backup made before the upgrade"
        )
    return version


@contextmanager
def open_database(url: str) -> Iterator[Engine]:
    """The database of a URL, brought to the schema of this code; closed at the end. Raises: StorageFailed."""
    engine = open_engine(url)
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


def schema_version(engine: Engine) -> int:
    """The schema of a database that is there, as it is now. Raises: StorageFailed."""
    with reading(engine) as connection:
        return int(connection.exec_driver_sql(_VERSION).scalar_one())


def _version(connection: Connection) -> int:
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY)")
    return int(connection.exec_driver_sql(_VERSION).scalar_one())


def _m001_gallery_and_keys(connection: Connection) -> None:
    for statement in _M001:
        connection.exec_driver_sql(statement)


def _m002_codes(connection: Connection) -> None:
    """Codes beside the embeddings, for searching; removals name a face by its number, as the index does.

    What removals held served the indexes of processes that ran before, and goes.
    """
    for statement in _M002:
        connection.exec_driver_sql(statement)
    for rows in _batches(connection.exec_driver_sql("SELECT face_pk, embedding FROM embeddings ORDER BY face_pk")):
        by_length: dict[int, list[tuple[int, bytes]]] = {}  # collections differ in dimension
        for face_pk, embedding in rows:
            by_length.setdefault(len(embedding), []).append((face_pk, embedding))
        for some in by_length.values():
            _insert_codes(connection, [pk for pk, _ in some], np.stack([np.frombuffer(e, "<f4") for _, e in some]))


def _batches(result: CursorResult[Any]) -> Iterator[Sequence[Any]]:
    while rows := result.fetchmany(ROWS_AT_ONCE):
        yield rows


def _insert_codes(connection: Connection, face_pks: Sequence[int], embeddings: Float32) -> None:
    values = list(zip(face_pks, to_blobs(quantise(embeddings)), strict=True))
    connection.exec_driver_sql("INSERT INTO codes (face_pk, codes) VALUES (?, ?)", values)


def _m003_audit_and_rotation(connection: Connection) -> None:
    for statement in _M003:
        connection.exec_driver_sql(statement)


MIGRATIONS: tuple[Migration, ...] = (_m001_gallery_and_keys, _m002_codes, _m003_audit_and_rotation)

_M001 = (
    """CREATE TABLE collections (
        pk INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        model_id TEXT NOT NULL,
        pipeline_version INTEGER NOT NULL,
        dimension INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        created_at DATETIME NOT NULL
    )""",
    """CREATE TABLE subjects (
        pk INTEGER NOT NULL PRIMARY KEY,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        id TEXT NOT NULL,
        name TEXT,
        metadata_json TEXT NOT NULL,
        created_at DATETIME NOT NULL,
        UNIQUE (collection_pk, id)
    )""",
    """CREATE TABLE faces (
        pk INTEGER NOT NULL PRIMARY KEY,
        id VARCHAR(32) NOT NULL UNIQUE,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        subject_pk INTEGER NOT NULL REFERENCES subjects (pk) ON DELETE CASCADE,
        revision INTEGER NOT NULL,
        photo_sha256 VARCHAR(64) NOT NULL,
        source_sha256 VARCHAR(64) NOT NULL,
        photo_width INTEGER NOT NULL,
        photo_height INTEGER NOT NULL,
        photo_bytes INTEGER NOT NULL,
        box TEXT NOT NULL,
        landmarks TEXT NOT NULL,
        detector_score FLOAT NOT NULL,
        quality_score FLOAT NOT NULL,
        quality_parts TEXT NOT NULL,
        created_at DATETIME NOT NULL,
        UNIQUE (subject_pk, source_sha256)
    )""",
    "CREATE INDEX faces_by_revision ON faces (collection_pk, revision)",
    "CREATE INDEX faces_by_photo ON faces (photo_sha256)",
    """CREATE TABLE embeddings (
        face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        embedding BLOB NOT NULL
    )""",
    """CREATE TABLE removals (
        pk INTEGER NOT NULL PRIMARY KEY,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        revision INTEGER NOT NULL,
        face_id VARCHAR(32) NOT NULL
    )""",
    "CREATE INDEX removals_by_revision ON removals (collection_pk, revision)",
    """CREATE TABLE api_keys (
        id VARCHAR(32) NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        secret_sha256 VARCHAR(64) NOT NULL UNIQUE,
        scopes TEXT NOT NULL,
        collections TEXT,
        created_at DATETIME NOT NULL,
        expires_at DATETIME,
        requests_per_minute INTEGER,
        last_used_at DATETIME,
        revoked_at DATETIME
    )""",
)

_M002 = (
    """CREATE TABLE codes (
        face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        codes BLOB NOT NULL
    )""",
    "DROP INDEX faces_by_revision",
    "CREATE INDEX faces_by_revision ON faces (collection_pk, revision, subject_pk)",
    "DROP TABLE removals",
    """CREATE TABLE removals (
        pk INTEGER NOT NULL PRIMARY KEY,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        revision INTEGER NOT NULL,
        face_pk INTEGER NOT NULL
    )""",
    "CREATE INDEX removals_by_revision ON removals (collection_pk, revision)",
)

# The triggers hold against this program and its mistakes; a DELETE needs a line that says so, see `audit.py`.
_M003 = (
    """CREATE TABLE audit (
        pk INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        at DATETIME NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        collection TEXT,
        objects TEXT NOT NULL,
        object_count INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        request_id TEXT,
        kept_from INTEGER
    )""",
    """CREATE TRIGGER audit_keeps_lines BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
    """CREATE TRIGGER audit_keeps_numbers BEFORE INSERT ON audit
        WHEN EXISTS (SELECT 1 FROM audit WHERE pk = NEW.pk)
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
    """CREATE TRIGGER audit_goes_only_by_prune BEFORE DELETE ON audit
        WHEN OLD.pk >= (SELECT coalesce(max(kept_from), 0) FROM audit WHERE kept_from IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
    "CREATE INDEX audit_by_kept_from ON audit (kept_from) WHERE kept_from IS NOT NULL",
    """CREATE TABLE replaced_secrets (
        secret_sha256 VARCHAR(64) NOT NULL PRIMARY KEY,
        key_id VARCHAR(32) NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
        works_until DATETIME NOT NULL
    )""",
)
