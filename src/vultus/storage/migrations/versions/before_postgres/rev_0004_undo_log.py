"""Revision 0004: what is needed to undo renames, merges and moves for a while."""

from __future__ import annotations

from alembic.operations import Operations

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """CREATE TABLE undo_log (
        pk INTEGER NOT NULL PRIMARY KEY,
        id VARCHAR(32) NOT NULL UNIQUE,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        until DATETIME NOT NULL,
        subject_pk INTEGER NOT NULL,
        other_pk INTEGER,
        payload TEXT NOT NULL
    )""",
    "CREATE INDEX undo_log_by_until ON undo_log (until)",
    "CREATE INDEX undo_log_by_subject ON undo_log (subject_pk)",
    "CREATE INDEX undo_log_by_other ON undo_log (other_pk)",
    """CREATE TABLE undo_faces (
        undo_pk INTEGER NOT NULL REFERENCES undo_log (pk) ON DELETE CASCADE,
        face_pk INTEGER NOT NULL REFERENCES faces (pk) ON DELETE CASCADE,
        revision INTEGER NOT NULL,
        revision_before INTEGER NOT NULL,
        source_before VARCHAR(64),
        PRIMARY KEY (undo_pk, face_pk)
    )""",
    "CREATE INDEX undo_faces_by_face ON undo_faces (face_pk)",
)


def upgrade(op: Operations) -> None:
    """Run the statements."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
