"""Revision 0012: what was decided, beside the audit lines of comparisons and searches.

The lines that are there are sealed again, with the new column, where they match their seal.
"""

from __future__ import annotations

from alembic.operations import Operations

from vultus.storage.sealing.seals import create_triggers, seal_sql

revision = "0012"
down_revision = "0011"

BEFORE = ["pk", "at", "actor", "action", "collection", "objects", "object_count", "outcome", "request_id", "kept_from"]
COLUMNS = [*BEFORE, "decisions"]


def upgrade(op: Operations) -> None:
    """Add the column, and create the triggers that cover it."""
    connection = op.get_bind()
    for trigger in ("audit_keeps_lines", "audit_sealed", "audit_sealed_again"):
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    connection.exec_driver_sql("ALTER TABLE audit ADD COLUMN decisions TEXT")
    # A line that was changed from outside keeps its seal, which then does not match it either.
    connection.exec_driver_sql(
        f"UPDATE audit SET seal = {seal_sql('audit', COLUMNS, 'audit')} "
        f"WHERE seal IS {seal_sql('audit', BEFORE, 'audit')}"
    )
    create_triggers(connection, "audit", COLUMNS)
    kept = ", ".join(f'"{name}"' for name in COLUMNS)
    connection.exec_driver_sql(
        f"CREATE TRIGGER audit_keeps_lines BEFORE UPDATE OF {kept} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    )
