"""Revision 0014: keys that clients of other services have: their kind, and the secrets of AWS access keys.

The rows that are there are sealed again, with the new column, where they match their seal.
"""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Connection

from vultus.storage.sealing.seals import create_triggers, seal_sql

revision = "0014"
down_revision = "0013"

BEFORE = [
    *("id", "name", "secret_sha256", "scopes", "collections", "created_at", "expires_at", "requests_per_minute"),
    *("last_used_at", "revoked_at"),
]
COLUMNS = [*BEFORE, "kind"]
SECRETS = ["access_key_id", "key_id", "secret"]


def upgrade(op: Operations) -> None:
    """Add the column and the table, and create the triggers that cover them."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        _upgrade_postgres(connection)
        return
    for trigger in ("api_keys_sealed", "api_keys_sealed_again"):
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    connection.exec_driver_sql("ALTER TABLE api_keys ADD COLUMN kind TEXT")
    # A row that was changed from outside keeps its seal, which then does not match it either.
    connection.exec_driver_sql(
        f"UPDATE api_keys SET seal = {seal_sql('api_keys', COLUMNS, 'api_keys')} "
        f"WHERE seal IS {seal_sql('api_keys', BEFORE, 'api_keys')}"
    )
    create_triggers(connection, "api_keys", COLUMNS)
    connection.exec_driver_sql(
        "CREATE TABLE aws_secrets (access_key_id TEXT NOT NULL PRIMARY KEY, "
        "key_id VARCHAR(32) NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE, secret BLOB NOT NULL, seal BLOB)"
    )
    create_triggers(connection, "aws_secrets", SECRETS)


def _upgrade_postgres(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE api_keys ADD COLUMN kind TEXT")
    connection.exec_driver_sql(
        'CREATE TABLE aws_secrets (access_key_id TEXT COLLATE "C" PRIMARY KEY, '
        'key_id VARCHAR(32) COLLATE "C" NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE, '
        "secret BYTEA NOT NULL, seal BYTEA)"
    )
