"""Revision 0016: the replicas of a database, and up to which revision the removals that they follow were deleted."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, DateTime, Float, ForeignKey, Integer, LargeBinary, String, Text

from vultus.storage.sealing.seals import create_triggers

revision = "0016"
down_revision = "0015"

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
SHORT_ID = String(32).with_variant(String(32, collation="C"), "postgresql")


def upgrade(op: Operations) -> None:
    """Create the tables, which are empty."""
    collection = ForeignKey("collections.pk", ondelete="CASCADE")
    pruned = op.create_table(
        "pruned_removals",
        Column("collection_pk", NUMBER, collection, primary_key=True, autoincrement=False),
        Column("revision", NUMBER, nullable=False),
        Column("seal", LargeBinary),
    )
    replicas = op.create_table(
        "replicas",
        Column("id", SHORT_ID, primary_key=True),
        Column("version", Text, nullable=False),
        Column("model_id", Text, nullable=False),
        Column("model_sha256", Text, nullable=False),
        Column("pipeline_version", Integer, nullable=False),
        Column("calibrations", Text, nullable=False),
        Column("ahead_seconds", Float, nullable=False),
        Column("seen_at", DateTime(timezone=True), nullable=False),
        Column("seal", LargeBinary),
    )
    marks = op.create_table(
        "replica_marks",
        Column("replica_id", SHORT_ID, ForeignKey("replicas.id", ondelete="CASCADE"), primary_key=True),
        Column("collection_pk", NUMBER, primary_key=True, autoincrement=False),
        Column("revision", NUMBER, nullable=False),
        Column("seal", LargeBinary),
    )
    for made in (pruned, replicas, marks):
        columns = [column.name for column in made.columns if column.name != "seal"]
        create_triggers(op.get_bind(), made.name, columns)
