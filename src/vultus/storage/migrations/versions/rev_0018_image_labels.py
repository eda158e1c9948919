"""Revision 0018: what callers call the images of faces, and the tokens of requests that are not to be done twice."""

from __future__ import annotations

from alembic.operations import Operations

from vultus.storage.sealing.seals import create_triggers

revision = "0018"
down_revision = "0017"

SQLITE = (
    "CREATE TABLE image_labels (face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE, "
    "image_id VARCHAR(32) NOT NULL, external_id TEXT, seal BLOB)",
    "CREATE TABLE request_tokens (token_sha256 VARCHAR(64) NOT NULL PRIMARY KEY, "
    "request_sha256 VARCHAR(64) NOT NULL, at DATETIME NOT NULL, seal BLOB)",
)
POSTGRES = (
    "CREATE TABLE image_labels (face_pk BIGINT PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE, "
    'image_id VARCHAR(32) COLLATE "C" NOT NULL, external_id TEXT, seal BYTEA)',
    "CREATE TABLE request_tokens (token_sha256 VARCHAR(64) PRIMARY KEY, "
    "request_sha256 VARCHAR(64) NOT NULL, at TIMESTAMP WITH TIME ZONE NOT NULL, seal BYTEA)",
)
INDEXES = (
    "CREATE INDEX image_labels_by_image ON image_labels (image_id)",
    "CREATE INDEX request_tokens_by_time ON request_tokens (at)",
)


def upgrade(op: Operations) -> None:
    """Create the tables with their seals."""
    connection = op.get_bind()
    for statement in (*(POSTGRES if connection.dialect.name == "postgresql" else SQLITE), *INDEXES):
        connection.exec_driver_sql(statement)
    create_triggers(connection, "image_labels", ["face_pk", "image_id", "external_id"])
    create_triggers(connection, "request_tokens", ["token_sha256", "request_sha256", "at"])
