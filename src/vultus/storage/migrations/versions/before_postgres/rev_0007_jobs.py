"""Revision 0007: the jobs that run in the background."""

from __future__ import annotations

from alembic.operations import Operations

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """CREATE TABLE jobs (
        pk INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        id VARCHAR(32) NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        collection TEXT,
        parameters TEXT NOT NULL,
        state TEXT NOT NULL,
        cancelling INTEGER NOT NULL,
        done INTEGER NOT NULL,
        total INTEGER NOT NULL,
        problem TEXT,
        created_at DATETIME NOT NULL,
        started_at DATETIME,
        ended_at DATETIME
    )""",
    "CREATE INDEX jobs_by_state ON jobs (state, pk)",
)


def upgrade(op: Operations) -> None:
    """Run the statements."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
