"""Revision 0003: the audit, and the secrets that a rotated key had before."""

from __future__ import annotations

from alembic.operations import Operations

revision = "0003"
down_revision = "0002"

# The triggers protect the audit from mistakes of this program; a DELETE needs a line that announces it, see `audit.py`.
STATEMENTS = (
    """CREATE TABLE audit (
        pk INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        at DATETIME NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        collection TEXT,
        objects TEXT NOT NULL,
        object_count INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        request_id TEXT,
        kept_from INTEGER
    )""",
    """CREATE TRIGGER audit_keeps_lines BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
    """CREATE TRIGGER audit_keeps_numbers BEFORE INSERT ON audit
        WHEN EXISTS (SELECT 1 FROM audit WHERE pk = NEW.pk)
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
    """CREATE TRIGGER audit_goes_only_by_prune BEFORE DELETE ON audit
        WHEN OLD.pk >= (SELECT coalesce(max(kept_from), 0) FROM audit WHERE kept_from IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
    "CREATE INDEX audit_by_kept_from ON audit (kept_from) WHERE kept_from IS NOT NULL",
    """CREATE TABLE replaced_secrets (
        secret_sha256 VARCHAR(64) NOT NULL PRIMARY KEY,
        key_id VARCHAR(32) NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
        works_until DATETIME NOT NULL
    )""",
)


def upgrade(op: Operations) -> None:
    """Run the statements."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
