"""Revision 0023: up to where each erasure ledger was replayed on this database."""

from __future__ import annotations

from alembic.operations import Operations

from vultus.storage.sealing.seals import create_triggers

revision = "0023"
down_revision = "0022"

SQLITE = "(ledger VARCHAR(32) NOT NULL PRIMARY KEY, bytes INTEGER NOT NULL, seal BLOB)"
POSTGRES = '(ledger VARCHAR(32) COLLATE "C" PRIMARY KEY, bytes BIGINT NOT NULL, seal BYTEA)'


def upgrade(op: Operations) -> None:
    """Create the table, which is empty: the next start replays its ledger once more."""
    connection = op.get_bind()
    columns = POSTGRES if connection.dialect.name == "postgresql" else SQLITE
    connection.exec_driver_sql(f"CREATE TABLE replayed_ledgers {columns}")
    create_triggers(connection, "replayed_ledgers", ["ledger", "bytes"])
