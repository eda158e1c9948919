"""Revision 0019: who made a job, what became of each photo of one, and who is told when it has ended.

The jobs that are there are sealed again, with the new column, where they match their seal.
"""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Connection

from vultus.storage.sealing.seals import create_triggers, seal_sql

revision = "0019"
down_revision = "0018"

BEFORE = [
    *("pk", "id", "kind", "collection", "parameters", "state", "cancelling", "done", "total", "problem"),
    *("created_at", "started_at", "ended_at"),
]
COLUMNS = [*BEFORE, "creator"]
ITEMS = ["job_pk", "number", "file", "subject", "outcome", "face_id", "error", "detail", "cautions"]
WEBHOOKS = ["job_pk", "address", "state", "attempts", "next_at", "status", "problem"]

SQLITE = (
    "CREATE TABLE job_items (job_pk INTEGER NOT NULL REFERENCES jobs (pk) ON DELETE CASCADE, number INTEGER NOT NULL, "
    "file TEXT NOT NULL, subject TEXT, outcome TEXT NOT NULL, face_id VARCHAR(32), error TEXT, detail TEXT, "
    "cautions TEXT NOT NULL, seal BLOB, PRIMARY KEY (job_pk, number))",
    "CREATE TABLE webhooks (job_pk INTEGER NOT NULL PRIMARY KEY REFERENCES jobs (pk) ON DELETE CASCADE, "
    "address TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at DATETIME NOT NULL, "
    "status INTEGER, problem TEXT, seal BLOB)",
)
POSTGRES = (
    "CREATE TABLE job_items (job_pk BIGINT NOT NULL REFERENCES jobs (pk) ON DELETE CASCADE, number INTEGER NOT NULL, "
    'file TEXT NOT NULL, subject TEXT COLLATE "C", outcome TEXT NOT NULL, face_id VARCHAR(32) COLLATE "C", error TEXT, '
    "detail TEXT, cautions TEXT NOT NULL, seal BYTEA, PRIMARY KEY (job_pk, number))",
    "CREATE TABLE webhooks (job_pk BIGINT PRIMARY KEY REFERENCES jobs (pk) ON DELETE CASCADE, "
    "address TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at TIMESTAMP WITH TIME ZONE NOT NULL, "
    "status INTEGER, problem TEXT, seal BYTEA)",
)
INDEXES = (
    "CREATE INDEX job_items_by_subject ON job_items (subject)",
    "CREATE INDEX job_items_by_face ON job_items (face_id)",
    "CREATE INDEX webhooks_by_time ON webhooks (state, next_at)",
)


def upgrade(op: Operations) -> None:
    """Add the column and the tables, and create the triggers that cover them."""
    connection = op.get_bind()
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres:
        connection.exec_driver_sql("ALTER TABLE jobs ADD COLUMN creator TEXT")
    else:
        _add_creator(connection)
    for statement in (*(POSTGRES if is_postgres else SQLITE), *INDEXES):
        connection.exec_driver_sql(statement)
    create_triggers(connection, "job_items", ITEMS)
    create_triggers(connection, "webhooks", WEBHOOKS)


def _add_creator(connection: Connection) -> None:
    for trigger in ("jobs_sealed", "jobs_sealed_again"):
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    connection.exec_driver_sql("ALTER TABLE jobs ADD COLUMN creator TEXT")
    # A row that was changed from outside keeps its seal, which then does not match it either.
    connection.exec_driver_sql(
        f"UPDATE jobs SET seal = {seal_sql('jobs', COLUMNS, 'jobs')} WHERE seal IS {seal_sql('jobs', BEFORE, 'jobs')}"
    )
    create_triggers(connection, "jobs", COLUMNS)
