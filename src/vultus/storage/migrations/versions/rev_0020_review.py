"""Revision 0020: what people look at and decide: faces that show subjects, pairs that may be one, unknown faces."""

from __future__ import annotations

from alembic.operations import Operations

from vultus.storage.sealing.seals import create_triggers

revision = "0020"
down_revision = "0019"

SQLITE = {"NUMBER": "INTEGER", "PK": "INTEGER NOT NULL PRIMARY KEY", "KEY": "INTEGER NOT NULL PRIMARY KEY"}
SQLITE |= {"MOMENT": "DATETIME", "BYTES": "BLOB", "ID": "VARCHAR(32)"}
POSTGRES = {"NUMBER": "BIGINT", "PK": "BIGSERIAL PRIMARY KEY", "KEY": "BIGINT PRIMARY KEY"}
POSTGRES |= {"MOMENT": "TIMESTAMP WITH TIME ZONE", "BYTES": "BYTEA", "ID": 'VARCHAR(32) COLLATE "C"'}
COLLECTION = "{NUMBER} NOT NULL REFERENCES collections (pk) ON DELETE CASCADE"
SUBJECT = "{NUMBER} NOT NULL REFERENCES subjects (pk) ON DELETE CASCADE"
FACE = "{NUMBER} NOT NULL REFERENCES faces (pk) ON DELETE CASCADE"
TABLES = {
    "cover_faces": f"subject_pk {{KEY}} REFERENCES subjects (pk) ON DELETE CASCADE, face_pk {FACE}, seal {{BYTES}}",
    "similar_pairs": f"pk {{PK}}, collection_pk {COLLECTION}, first_pk {SUBJECT}, second_pk {SUBJECT}, "
    f"first_face_pk {FACE}, second_face_pk {FACE}, similarity FLOAT NOT NULL, score FLOAT NOT NULL, "
    "threshold FLOAT NOT NULL, above INTEGER NOT NULL, seal {BYTES}, UNIQUE (first_pk, second_pk)",
    "dismissed_pairs": f"first_pk {SUBJECT}, second_pk {SUBJECT}, at {{MOMENT}} NOT NULL, seal {{BYTES}}, "
    "PRIMARY KEY (first_pk, second_pk)",
    "unknown_faces": f"pk {{PK}}, id {{ID}} NOT NULL UNIQUE, collection_pk {COLLECTION}, "
    "space {NUMBER} NOT NULL, embedding {BYTES} NOT NULL, crop {BYTES}, crop_side INTEGER NOT NULL, box TEXT NOT NULL, "
    "landmarks TEXT NOT NULL, detector_score FLOAT NOT NULL, quality_score FLOAT NOT NULL, "
    "quality_parts TEXT NOT NULL, quality_version INTEGER NOT NULL, seen_at {MOMENT} NOT NULL, seal {BYTES}",
}
INDEXES = {
    "cover_faces_by_face": "cover_faces (face_pk)",
    "similar_pairs_by_collection_pk": "similar_pairs (collection_pk)",
    "similar_pairs_by_second_pk": "similar_pairs (second_pk)",
    "similar_pairs_by_first_face_pk": "similar_pairs (first_face_pk)",
    "similar_pairs_by_second_face_pk": "similar_pairs (second_face_pk)",
    "dismissed_pairs_by_second_pk": "dismissed_pairs (second_pk)",
    "unknown_faces_by_time": "unknown_faces (collection_pk, seen_at)",
}
SEALED = {
    "cover_faces": "subject_pk face_pk",
    "similar_pairs": "pk collection_pk first_pk second_pk first_face_pk second_face_pk similarity score threshold "
    "above",
    "dismissed_pairs": "first_pk second_pk at",
    "unknown_faces": "pk id collection_pk space embedding crop crop_side box landmarks detector_score quality_score "
    "quality_parts quality_version seen_at",
}


def upgrade(op: Operations) -> None:
    """Create the tables with their seals."""
    connection = op.get_bind()
    types = POSTGRES if connection.dialect.name == "postgresql" else SQLITE
    for table, columns in TABLES.items():
        connection.exec_driver_sql(f"CREATE TABLE {table} ({columns.format(**types)})")
    for index, columns in INDEXES.items():
        connection.exec_driver_sql(f"CREATE INDEX {index} ON {columns}")
    for table, columns in SEALED.items():
        create_triggers(connection, table, columns.split())
