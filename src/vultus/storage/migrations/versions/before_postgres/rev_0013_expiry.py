"""Revision 0013: when a subject expires.

The rows that are there are sealed again, with the new column, where they match their seal.
"""

from __future__ import annotations

from alembic.operations import Operations

from vultus.storage.sealing.seals import create_triggers, seal_sql

revision = "0013"
down_revision = "0012"

BEFORE = ["pk", "collection_pk", "id", "name", "metadata_json", "created_at", "canonical", "skeleton"]
COLUMNS = [*BEFORE, "expires_at"]


def upgrade(op: Operations) -> None:
    """Add the column with its index, and create the triggers that cover it."""
    connection = op.get_bind()
    for trigger in ("subjects_sealed", "subjects_sealed_again"):
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    connection.exec_driver_sql("ALTER TABLE subjects ADD COLUMN expires_at DATETIME")
    # A row that was changed from outside keeps its seal, which then does not match it either.
    connection.exec_driver_sql(
        f"UPDATE subjects SET seal = {seal_sql('subjects', COLUMNS, 'subjects')} "
        f"WHERE seal IS {seal_sql('subjects', BEFORE, 'subjects')}"
    )
    create_triggers(connection, "subjects", COLUMNS)
    connection.exec_driver_sql("CREATE INDEX subjects_by_expiry ON subjects (expires_at) WHERE expires_at IS NOT NULL")
