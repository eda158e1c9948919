"""Revision 0008: a second space of embeddings for a collection, which re-embedding fills while the first is in use."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Column, Integer, text

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    """CREATE TABLE embeddings_b (
        face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        embedding BLOB NOT NULL
    )""",
    """CREATE TABLE codes_b (
        face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        codes BLOB NOT NULL
    )""",
    """CREATE TABLE other_spaces (
        collection_pk INTEGER NOT NULL PRIMARY KEY REFERENCES collections (pk) ON DELETE CASCADE,
        model_id TEXT NOT NULL,
        pipeline_version INTEGER NOT NULL,
        dimension INTEGER NOT NULL,
        state TEXT NOT NULL
    )""",
    """CREATE TABLE unembedded (
        face_pk INTEGER NOT NULL REFERENCES faces (pk) ON DELETE CASCADE,
        slot INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (face_pk, slot)
    )""",
)


def upgrade(op: Operations) -> None:
    """Add the tables, empty, and to the collections the number of their space."""
    op.add_column("collections", Column("space", Integer, nullable=False, server_default=text("0")))
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
