"""Revision 0019: the faces that operators chose to show subjects."""

from __future__ import annotations

from alembic.operations import Operations

from vultus.storage.sealing.seals import create_triggers

revision = "0019"
down_revision = "0018"

SQLITE = (
    "CREATE TABLE cover_faces (subject_pk INTEGER NOT NULL PRIMARY KEY REFERENCES subjects (pk) ON DELETE CASCADE, "
    "face_pk INTEGER NOT NULL REFERENCES faces (pk) ON DELETE CASCADE, seal BLOB)"
)
POSTGRES = (
    "CREATE TABLE cover_faces (subject_pk BIGINT PRIMARY KEY REFERENCES subjects (pk) ON DELETE CASCADE, "
    "face_pk BIGINT NOT NULL REFERENCES faces (pk) ON DELETE CASCADE, seal BYTEA)"
)


def upgrade(op: Operations) -> None:
    """Create the table with its seals."""
    connection = op.get_bind()
    connection.exec_driver_sql(POSTGRES if connection.dialect.name == "postgresql" else SQLITE)
    connection.exec_driver_sql("CREATE INDEX cover_faces_by_face ON cover_faces (face_pk)")
    create_triggers(connection, "cover_faces", ["subject_pk", "face_pk"])
