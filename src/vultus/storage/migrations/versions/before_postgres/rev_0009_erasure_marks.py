"""Revision 0009: marks of erasures, which the enrolments of all processes heed."""

from __future__ import annotations

from alembic.operations import Operations

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    "CREATE TABLE erasure_marks (bucket INTEGER NOT NULL PRIMARY KEY, number INTEGER NOT NULL)",
    "CREATE INDEX erasure_marks_by_number ON erasure_marks (number)",
)


def upgrade(op: Operations) -> None:
    """Run the statements."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
