"""Revision 0011: a seal beside every row, by the installation key; the rows that are there are sealed as they are.

Each embedding and face is written again: the log beside the database grows by the size of the database until the end.
"""

from __future__ import annotations

from alembic.operations import Operations

from vultus.storage.sealing.seals import create_triggers, seal_rows

revision = "0011"
down_revision = "0010"

COLUMNS = {
    "collections": "pk name model_id pipeline_version dimension revision created_at policies space",
    "other_spaces": "collection_pk model_id pipeline_version dimension state",
    "subjects": "pk collection_pk id name metadata_json created_at canonical skeleton",
    "faces": "pk id collection_pk subject_pk revision photo_sha256 source_sha256 photo_width photo_height photo_bytes "
    "box landmarks detector_score quality_score quality_parts created_at quality_version source_width source_height",
    "embeddings": "face_pk embedding",
    "codes": "face_pk codes",
    "embeddings_b": "face_pk embedding",
    "codes_b": "face_pk codes",
    "unembedded": "face_pk slot reason",
    "removals": "pk collection_pk revision face_pk",
    "undo_log": "pk id collection_pk kind until subject_pk other_pk payload",
    "undo_faces": "undo_pk face_pk revision revision_before source_before",
    "api_keys": "id name secret_sha256 scopes collections created_at expires_at requests_per_minute last_used_at "
    "revoked_at",
    "replaced_secrets": "secret_sha256 key_id works_until",
    "audit": "pk at actor action collection objects object_count outcome request_id kept_from",
    "erasure_marks": "bucket number",
    "jobs": "pk id kind collection parameters state cancelling done total problem created_at started_at ended_at",
}


def upgrade(op: Operations) -> None:
    """Add the columns, seal the rows, and create the triggers that go on with it."""
    connection = op.get_bind()
    connection.exec_driver_sql("DROP TRIGGER audit_keeps_lines")
    for table, names in COLUMNS.items():
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN seal BLOB")
        seal_rows(connection, table, names.split())
        create_triggers(connection, table, names.split())
    kept = ", ".join(f'"{name}"' for name in COLUMNS["audit"].split())
    connection.exec_driver_sql(
        f"CREATE TRIGGER audit_keeps_lines BEFORE UPDATE OF {kept} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    )
    connection.exec_driver_sql("CREATE TABLE installation (pk INTEGER NOT NULL PRIMARY KEY, key_id TEXT NOT NULL)")
    connection.exec_driver_sql("INSERT INTO installation VALUES (1, vultus_key_id())")
