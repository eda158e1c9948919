"""Revision 0017: the chains of audit lines; lines that are there have none.

On SQLite these are sealed again, with the new columns, where they match their seal.
"""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text

from vultus.storage.sealing.seals import create_triggers, seal_sql

revision = "0017"
down_revision = "0016"

BEFORE = ["pk", "at", "actor", "action", "collection", "objects", "object_count", "outcome", "request_id", "kept_from"]
BEFORE += ["decisions"]
COLUMNS = [*BEFORE, "writer", "number", "previous", "digest"]


def upgrade(op: Operations) -> None:
    """Add the columns, and create the triggers that cover them."""
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        for trigger in ("audit_keeps_lines", "audit_sealed", "audit_sealed_again"):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    op.add_column("audit", Column("writer", Text))
    op.add_column("audit", Column("number", Integer if sqlite else BigInteger))
    op.add_column("audit", Column("previous", LargeBinary))
    op.add_column("audit", Column("digest", LargeBinary))
    if not sqlite:
        return
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
