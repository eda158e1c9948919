"""Revision 0022: where each replica runs, since when, and how it searches.

The rows of SQLite go: it has one server, and whoever migrates is that one, or finds none. Those of PostgreSQL stay, as
servers of the release before may go on, which leave the new columns empty.
"""

from __future__ import annotations

from alembic.operations import Operations

from vultus.storage.sealing.seals import create_triggers

revision = "0022"
down_revision = "0021"

BEFORE = ["id", "version", "model_id", "model_sha256", "pipeline_version", "calibrations", "ahead_seconds", "seen_at"]
ADDED = {"host": "TEXT", "process_id": "INTEGER", "started_at": "{MOMENT}", "search": "TEXT"}


def upgrade(op: Operations) -> None:
    """Add the columns, and create the triggers that cover them."""
    connection = op.get_bind()
    is_postgres = connection.dialect.name == "postgresql"
    if not is_postgres:
        connection.exec_driver_sql("DELETE FROM replica_marks")
        connection.exec_driver_sql("DELETE FROM replicas")
        for trigger in ("replicas_sealed", "replicas_sealed_again"):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    moment = "TIMESTAMP WITH TIME ZONE" if is_postgres else "DATETIME"
    for column, kind in ADDED.items():
        connection.exec_driver_sql(f"ALTER TABLE replicas ADD COLUMN {column} {kind.format(MOMENT=moment)}")
    create_triggers(connection, "replicas", [*BEFORE, *ADDED])
