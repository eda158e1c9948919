"""How the tables came to be: numbered functions, only ever added to, and the short runner.

A migration that has been released is never edited; `tables.py` describes the state after the last one, and a test
holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine

from vultus.errors import StorageFailed
from vultus.storage.database import writing

Migration = Callable[[Connection], None]


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


def _version(connection: Connection) -> int:
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY)")
    return int(connection.exec_driver_sql("SELECT coalesce(max(version), 0) FROM schema_version").scalar_one())


def _m001_gallery_and_keys(connection: Connection) -> None:
    for statement in _M001:
        connection.exec_driver_sql(statement)


MIGRATIONS: tuple[Migration, ...] = (_m001_gallery_and_keys,)

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
