"""The tables in an empty PostgreSQL database, and what SQLAlchemy does not describe of them."""

from __future__ import annotations

from sqlalchemy import Connection

from vultus.storage import tables as t

# As on SQLite, see revision 0003: they protect the audit from mistakes of this program.
AUDIT = (
    """CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$""",
    """CREATE FUNCTION audit_requires_prune() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.pk >= (SELECT coalesce(max(kept_from), 0) FROM audit WHERE kept_from IS NOT NULL) THEN
                RAISE EXCEPTION 'the audit is append-only';
            END IF;
            RETURN OLD;
        END $$""",
    """CREATE TRIGGER audit_keeps_lines BEFORE UPDATE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_refuses()""",
    """CREATE TRIGGER audit_goes_only_by_prune BEFORE DELETE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_requires_prune()""",
    """CREATE TRIGGER audit_is_not_truncated BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()""",
)
# Bytes that look random gain nothing by compression, and a row of 2.6 KB is read faster where it lies with the others
# of its page than in the side table that PostgreSQL makes for values beyond 2 KB.
VECTORS = tuple(
    statement
    for embeddings, codes in t.SLOTS
    for statement in (
        f"ALTER TABLE {embeddings.name} ALTER COLUMN embedding SET STORAGE EXTERNAL",
        f"ALTER TABLE {embeddings.name} SET (toast_tuple_target = 8160)",
        f"ALTER TABLE {codes.name} ALTER COLUMN codes SET STORAGE EXTERNAL",
    )
)
# The requests of each key in its minute. Unlogged: no sync for each request, and a crash may forget a minute.
COUNTS = (
    'CREATE UNLOGGED TABLE request_counts (key_id VARCHAR(32) COLLATE "C" PRIMARY KEY, begun TIMESTAMPTZ NOT NULL, '
    "used BIGINT NOT NULL)"
)


def create_tables(connection: Connection) -> None:
    """Create all tables, as `tables.py` describes them."""
    t.METADATA.create_all(connection)
    for statement in (*AUDIT, *VECTORS, COUNTS):
        connection.exec_driver_sql(statement)
