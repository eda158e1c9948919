"""Revision 0021: unknown faces that are not to be listed, nor kept again.

The faces that are there are sealed again, with the new column, where they match their seal.
"""

from __future__ import annotations

from alembic.operations import Operations

from vultus.storage.sealing.seals import create_triggers, seal_sql

revision = "0021"
down_revision = "0020"

TABLE = "unknown_faces"
BEFORE = [
    *("pk", "id", "collection_pk", "space", "embedding", "crop", "crop_side", "box", "landmarks", "detector_score"),
    *("quality_score", "quality_parts", "quality_version", "seen_at"),
]
COLUMNS = [*BEFORE, "ignored"]
ADD = f"ALTER TABLE {TABLE} ADD COLUMN ignored INTEGER NOT NULL DEFAULT 0"


def upgrade(op: Operations) -> None:
    """Add the column, and create the triggers that cover it."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(ADD)
        return
    for trigger in (f"{TABLE}_sealed", f"{TABLE}_sealed_again"):
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    connection.exec_driver_sql(ADD)
    # A row that was changed from outside keeps its seal, which then does not match it either.
    seals = seal_sql(TABLE, COLUMNS, TABLE), seal_sql(TABLE, BEFORE, TABLE)
    connection.exec_driver_sql(f"UPDATE {TABLE} SET seal = {seals[0]} WHERE seal IS {seals[1]}")
    create_triggers(connection, TABLE, COLUMNS)
