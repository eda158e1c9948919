"""Revision 0002: int8 codes beside the embeddings, for searching; removals name a face by its number, as an index does.

The content of removals is dropped: it served only the indexes of processes that ran before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from alembic.operations import Operations
from sqlalchemy import Connection, CursorResult

from vultus.records.seen import Float32
from vultus.search.int8_codes import quantise, to_blobs

revision = "0002"
down_revision = "0001"
ROWS_AT_ONCE = 4096

STATEMENTS = (
    """CREATE TABLE codes (
        face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        codes BLOB NOT NULL
    )""",
    "DROP INDEX faces_by_revision",
    "CREATE INDEX faces_by_revision ON faces (collection_pk, revision, subject_pk)",
    "DROP TABLE removals",
    """CREATE TABLE removals (
        pk INTEGER NOT NULL PRIMARY KEY,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        revision INTEGER NOT NULL,
        face_pk INTEGER NOT NULL
    )""",
    "CREATE INDEX removals_by_revision ON removals (collection_pk, revision)",
)


def upgrade(op: Operations) -> None:
    """Run the statements, then compute the codes of all embeddings."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
    for rows in _batches(connection.exec_driver_sql("SELECT face_pk, embedding FROM embeddings ORDER BY face_pk")):
        by_length: dict[int, list[tuple[int, bytes]]] = {}  # collections differ in dimension
        for face_pk, embedding in rows:
            by_length.setdefault(len(embedding), []).append((face_pk, embedding))
        for some in by_length.values():
            _insert_codes(connection, [pk for pk, _ in some], np.stack([np.frombuffer(e, "<f4") for _, e in some]))


def _batches(result: CursorResult[Any]) -> Iterator[Sequence[Any]]:
    while rows := result.fetchmany(ROWS_AT_ONCE):
        yield rows


def _insert_codes(connection: Connection, face_pks: Sequence[int], embeddings: Float32) -> None:
    values = list(zip(face_pks, to_blobs(quantise(embeddings)), strict=True))
    connection.exec_driver_sql("INSERT INTO codes (face_pk, codes) VALUES (?, ?)", values)
