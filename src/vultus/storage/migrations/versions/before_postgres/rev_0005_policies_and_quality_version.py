"""Revision 0005: the policies of collections, and the version of the rule behind a stored quality."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Column, Integer, Text, text

revision = "0005"
down_revision = "0004"


def upgrade(op: Operations) -> None:
    """Add the columns: older collections get no policies, and older faces the first version, the only one so far."""
    op.add_column("collections", Column("policies", Text, nullable=False, server_default="{}"))
    op.add_column("faces", Column("quality_version", Integer, nullable=False, server_default=text("1")))
