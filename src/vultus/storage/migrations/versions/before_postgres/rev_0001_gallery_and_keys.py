"""Revision 0001: the gallery and the API keys."""

from __future__ import annotations

from alembic.operations import Operations

revision = "0001"
down_revision = None

STATEMENTS = (
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


def upgrade(op: Operations) -> None:
    """Run the statements."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
