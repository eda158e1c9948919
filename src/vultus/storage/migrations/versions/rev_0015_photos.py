"""Revision 0015: the stored photos, one row each, so that those of erased faces are known until they are removed."""

from __future__ import annotations

from datetime import UTC, datetime

from alembic.operations import Operations
from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    LargeBinary,
    String,
    Text,
    column,
    func,
    insert,
    literal,
    select,
    table,
)
from sqlalchemy import text as sql

from vultus.storage.sealing.seals import create_triggers, seal_rows

revision = "0015"
down_revision = "0014"

COLUMNS = ["sha256", "bytes", "state", "since"]


def upgrade(op: Operations) -> None:
    """Create the table, with the photos of all faces."""
    photos = op.create_table(
        "photos",
        Column("sha256", String(64), primary_key=True),
        Column("bytes", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("since", DateTime(timezone=True), nullable=False),
        Column("seal", LargeBinary),
    )
    not_live = sql("state != 'live'")
    op.create_index("photos_not_live", "photos", ["since"], sqlite_where=not_live, postgresql_where=not_live)
    faces = table("faces", column("photo_sha256"), column("photo_bytes"))
    key, now = faces.c.photo_sha256, literal(datetime.now(UTC), DateTime(timezone=True))
    size = func.coalesce(func.max(faces.c.photo_bytes), 0)
    found = select(key, size, literal("live"), now).where(key.is_not(None)).group_by(key)
    connection = op.get_bind()
    connection.execute(insert(photos).from_select(COLUMNS, found))
    seal_rows(connection, "photos", COLUMNS)
    create_triggers(connection, "photos", COLUMNS)
