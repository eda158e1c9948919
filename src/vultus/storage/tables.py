"""The tables, as SQLAlchemy Core; their history is in `migrations/`.

    collections ──< subjects ──< faces ──── embeddings, embeddings_b, image_labels, cover_faces
         │├──────< removals        │├────── codes, codes_b      api_keys ──< replaced_secrets        audit
          │├─────── pruned_removals, unknown_faces                                 └──────< aws_secrets
          └───────< undo_log ──< undo_faces
                      similar_pairs    dismissed_pairs (of two subjects)
                         photos    replicas ──< replica_marks    installation    erasure_marks    request_tokens
                         jobs ──< job_items, webhooks    replayed_ledgers

Rows are joined by internal numbers, so ids and names are plain data. A collection's number is never used again: one
created later under the same name is another collection.

A space is what a model at a version makes: embeddings of two do not compare. A collection is in one space, and may have
a second one, which is being filled or was left. The numbers of its spaces alternate between two pairs of tables, SLOTS.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

from vultus.errors import InvalidRequest
from vultus.records.seen import Float32


class Embedding(TypeDecorator[Float32]):
    """A (D,) float32 array. Stored: its little-endian bytes; read back as a read-only array."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Float32 | None, dialect: Dialect) -> bytes | None:
        return None if value is None else np.ascontiguousarray(value, dtype="<f4").tobytes()

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Float32 | None:
        return None if value is None else np.frombuffer(value, dtype="<f4")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored in UTC; one without a time zone is refused, as its meaning would be a guess.

    Raises: InvalidRequest, also for one that is beyond the years that there are in UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:  # astimezone would take it for local time
            raise InvalidRequest(f"the moment {value} has no time zone; write it like 2027-01-31T00:00:00Z")
        try:
            return None if value is None else value.astimezone(UTC)
        except OverflowError as exc:
            raise InvalidRequest(f"the moment {value} is beyond the years 1 to 9999 in UTC; send another") from exc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is None:  # SQLite stores no time zone, and returns what was stored, in UTC
            return None if value is None else value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


# SQLite numbers rows by INTEGER only; PostgreSQL's has 32 bits.
Number = BigInteger().with_variant(Integer(), "sqlite")
# Ids are compared and ordered by code point, which on PostgreSQL is a matter of the collation.
Id = Text().with_variant(Text(collation="C"), "postgresql")
ShortId = String(32).with_variant(String(32, collation="C"), "postgresql")

METADATA = MetaData()

collections = Table(
    "collections",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("name", Id, nullable=False, unique=True),
    Column("model_id", Text, nullable=False),
    Column("pipeline_version", Integer, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("revision", Number, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("policies", Text, nullable=False, server_default="{}"),  # a JSON object of those that are set
    Column("space", Number, nullable=False, server_default=text("0")),  # raised by each switch to its other space
    sqlite_autoincrement=True,
)

# The space that a collection has beside its own. state: see `spaces.py`.
other_spaces = Table(
    "other_spaces",
    METADATA,
    Column("collection_pk", ForeignKey("collections.pk", ondelete="CASCADE"), primary_key=True),
    Column("model_id", Text, nullable=False),
    Column("pipeline_version", Integer, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("state", Text, nullable=False),
)

# canonical: NULL where the id is in its canonical spelling (NFC), as every new one is. skeleton: see `lookalikes.py`.
subjects = Table(
    "subjects",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("collection_pk", ForeignKey("collections.pk", ondelete="CASCADE"), nullable=False),
    Column("id", Id, nullable=False),
    Column("name", Text),
    Column("metadata_json", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("canonical", Id),
    Column("skeleton", Id, nullable=False, server_default=""),
    UniqueConstraint("collection_pk", "id"),
    Index("subjects_by_skeleton", "collection_pk", "skeleton"),
)
Index(
    "subjects_by_canonical",
    subjects.c.collection_pk,
    subjects.c.canonical,
    sqlite_where=subjects.c.canonical.is_not(None),
    postgresql_where=subjects.c.canonical.is_not(None),
)

# photo_*: NULL when no photo is kept. box to quality_parts: NULL for a face enrolled by its embedding.
# source_width, source_height: pixels of the upright original photo, in which box and landmarks are given; NULL for
# faces of releases that did not keep them.
faces = Table(
    "faces",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("id", ShortId, nullable=False, unique=True),
    Column("collection_pk", ForeignKey("collections.pk", ondelete="CASCADE"), nullable=False),
    Column("subject_pk", ForeignKey("subjects.pk", ondelete="CASCADE"), nullable=False),
    Column("revision", Number, nullable=False),
    Column("photo_sha256", String(64)),
    Column("source_sha256", String(64), nullable=False),
    Column("photo_width", Integer),
    Column("photo_height", Integer),
    Column("photo_bytes", Integer),
    Column("box", Text),
    Column("landmarks", Text),
    Column("detector_score", Float),
    Column("quality_score", Float),
    Column("quality_parts", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("quality_version", Integer, nullable=False, server_default=text("1")),
    Column("source_width", Integer),
    Column("source_height", Integer),
    UniqueConstraint("subject_pk", "source_sha256"),
    Index("faces_by_revision", "collection_pk", "revision", "subject_pk"),
    Index("faces_by_photo", "photo_sha256"),
)

# The photos that are stored, or about to be: see `photo_rows.py`. No foreign key: a row outlives its last face.
photos = Table(
    "photos",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("bytes", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

embeddings = Table(
    "embeddings",
    METADATA,
    Column("face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), primary_key=True),
    Column("embedding", Embedding, nullable=False),
)

# The embedding as int8, for searching: see `search/int8_codes.py`.
codes = Table(
    "codes",
    METADATA,
    Column("face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), primary_key=True),
    Column("codes", LargeBinary, nullable=False),
)

embeddings_b = Table(
    "embeddings_b",
    METADATA,
    Column("face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), primary_key=True),
    Column("embedding", Embedding, nullable=False),
)

codes_b = Table(
    "codes_b",
    METADATA,
    Column("face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), primary_key=True),
    Column("codes", LargeBinary, nullable=False),
)

SLOTS = ((embeddings, codes), (embeddings_b, codes_b))

# Faces that have no embedding in the space of this slot, and why: it could not be made.
unembedded = Table(
    "unembedded",
    METADATA,
    Column("face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
)

# What callers call the images of faces, see `records.stored.ImageLabel`; faces enrolled by the native API have none.
image_labels = Table(
    "image_labels",
    METADATA,
    Column("face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), primary_key=True),
    Column("image_id", ShortId, nullable=False),
    Column("external_id", Text),
    Index("image_labels_by_image", "image_id"),
)

# The faces that operators chose to show subjects: see `subject_lists/cover_faces.py`.
cover_faces = Table(
    "cover_faces",
    METADATA,
    Column("subject_pk", ForeignKey("subjects.pk", ondelete="CASCADE"), primary_key=True),
    Column("face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), nullable=False),
    Index("cover_faces_by_face", "face_pk"),
)

# Subjects that may be one person, as the last search found them: see `review/similar_pairs.py`. first_pk < second_pk.
similar_pairs = Table(
    "similar_pairs",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("collection_pk", ForeignKey("collections.pk", ondelete="CASCADE"), nullable=False),
    Column("first_pk", ForeignKey("subjects.pk", ondelete="CASCADE"), nullable=False),
    Column("second_pk", ForeignKey("subjects.pk", ondelete="CASCADE"), nullable=False),
    Column("first_face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), nullable=False),
    Column("second_face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), nullable=False),
    Column("similarity", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("above", Integer, nullable=False),
    UniqueConstraint("first_pk", "second_pk"),
    Index("similar_pairs_by_collection_pk", "collection_pk"),
    Index("similar_pairs_by_second_pk", "second_pk"),
    Index("similar_pairs_by_first_face_pk", "first_face_pk"),
    Index("similar_pairs_by_second_face_pk", "second_face_pk"),
)

# Those that somebody said are different people.
dismissed_pairs = Table(
    "dismissed_pairs",
    METADATA,
    Column("first_pk", ForeignKey("subjects.pk", ondelete="CASCADE"), primary_key=True),
    Column("second_pk", ForeignKey("subjects.pk", ondelete="CASCADE"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Index("dismissed_pairs_by_second_pk", "second_pk"),
)

# Faces of nobody known, for review: see `review/unknown_faces.py`. box, landmarks: in pixels of the crop.
unknown_faces = Table(
    "unknown_faces",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("id", ShortId, nullable=False, unique=True),
    Column("collection_pk", ForeignKey("collections.pk", ondelete="CASCADE"), nullable=False),
    Column("space", Number, nullable=False),
    Column("embedding", Embedding, nullable=False),
    Column("crop", LargeBinary),
    Column("crop_side", Integer, nullable=False),
    Column("box", Text, nullable=False),
    Column("landmarks", Text, nullable=False),
    Column("detector_score", Float, nullable=False),
    Column("quality_score", Float, nullable=False),
    Column("quality_parts", Text, nullable=False),
    Column("quality_version", Integer, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Index("unknown_faces_by_time", "collection_pk", "seen_at"),
)

# Erased faces, for the search indexes: only the number of the face.
removals = Table(
    "removals",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("collection_pk", ForeignKey("collections.pk", ondelete="CASCADE"), nullable=False),
    Column("revision", Number, nullable=False),
    Column("face_pk", Number, nullable=False),
    Index("removals_by_revision", "collection_pk", "revision"),
)

# Up to which revision the removals of a collection were deleted: see `removal_pruning.py`.
pruned_removals = Table(
    "pruned_removals",
    METADATA,
    Column("collection_pk", ForeignKey("collections.pk", ondelete="CASCADE"), primary_key=True),
    Column("revision", Number, nullable=False),
)

# The processes that serve from this database: see `replicas.py`. calibrations: the digest of the operator's.
replicas = Table(
    "replicas",
    METADATA,
    Column("id", ShortId, primary_key=True),
    Column("version", Text, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("model_sha256", Text, nullable=False),
    Column("pipeline_version", Integer, nullable=False),
    Column("calibrations", Text, nullable=False),
    Column("ahead_seconds", Float, nullable=False),  # of its clock, compared with that of the database
    Column("seen_at", UtcDateTime, nullable=False),  # by the clock of the database
)

# Up to which revision a replica has collections in memory. A number that no collection has any more harms nobody.
replica_marks = Table(
    "replica_marks",
    METADATA,
    Column("replica_id", ForeignKey("replicas.id", ondelete="CASCADE"), primary_key=True),
    Column("collection_pk", Number, primary_key=True, autoincrement=False),
    Column("revision", Number, nullable=False),
)

# See `undo_log.py`. No foreign keys to subjects: the subject of a merge is gone until it is undone.
erasure_marks = Table(
    "erasure_marks",
    METADATA,
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("number", Number, nullable=False),
    Index("erasure_marks_by_number", "number"),
)

# Up to which byte each erasure ledger was replayed here, by the id of its key. In an older copy of the database the row
# is older, or not there. See `erasure_ledger/catching_up.py`.
replayed_ledgers = Table(
    "replayed_ledgers",
    METADATA,
    Column("ledger", ShortId, primary_key=True),
    Column("bytes", Number, nullable=False),
)

undo_log = Table(
    "undo_log",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("id", ShortId, nullable=False, unique=True),
    Column("collection_pk", ForeignKey("collections.pk", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("subject_pk", Number, nullable=False),  # the subject that an undo gives something back to
    Column("other_pk", Number),  # the subject that has the faces meanwhile
    Column("payload", Text, nullable=False),
    Index("undo_log_by_until", "until"),
    Index("undo_log_by_subject", "subject_pk"),
    Index("undo_log_by_other", "other_pk"),
)

# The faces that a change moved: their revision by it, and before it.
undo_faces = Table(
    "undo_faces",
    METADATA,
    Column("undo_pk", ForeignKey("undo_log.pk", ondelete="CASCADE"), primary_key=True),
    Column("face_pk", ForeignKey("faces.pk", ondelete="CASCADE"), primary_key=True),
    Column("revision", Number, nullable=False),
    Column("revision_before", Number, nullable=False),
    Column("source_before", String(64)),  # where it was replaced, see `face_moves.py`
    Index("undo_faces_by_face", "face_pk"),
)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("id", ShortId, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret_sha256", String(64), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("collections", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("requests_per_minute", Integer),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

# The secrets of a key before its rotations.
replaced_secrets = Table(
    "replaced_secrets",
    METADATA,
    Column("secret_sha256", String(64), primary_key=True),
    Column("key_id", ForeignKey("api_keys.id", ondelete="CASCADE"), nullable=False),
    Column("works_until", UtcDateTime, nullable=False),
)

# secret: encrypted, see `client_keys/aws_secrets.py`.
aws_secrets = Table(
    "aws_secrets",
    METADATA,
    Column("access_key_id", Id, primary_key=True),
    Column("key_id", ForeignKey("api_keys.id", ondelete="CASCADE"), nullable=False),
    Column("secret", LargeBinary, nullable=False),
)

# Requests that changed something under a token of their caller, see `client_keys/request_tokens.py`.
request_tokens = Table(
    "request_tokens",
    METADATA,
    Column("token_sha256", String(64), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("request_tokens_by_time", "at"),
)

# See `audit.py`. Triggers refuse every UPDATE, and a DELETE without a line that announces it.
audit = Table(
    "audit",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("collection", Text),
    Column("objects", Text, nullable=False),
    Column("object_count", Number, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text),
    Column("kept_from", Number),  # of a prune: the number of the oldest line that is kept
    sqlite_autoincrement=True,
)
# See `jobs.py`. collection: its name; the job of one that is erased ends by itself.
jobs = Table(
    "jobs",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("id", ShortId, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("collection", Text),
    Column("parameters", Text, nullable=False),  # a JSON object
    Column("state", Text, nullable=False),
    Column("cancelling", Integer, nullable=False),  # 1: the process that runs it is to stop it
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("problem", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Index("jobs_by_state", "state", "pk"),
    sqlite_autoincrement=True,
)
# What became of each photo of a job, see `job_records/job_items.py`. subject: as it was sent; NULL where none was.
job_items = Table(
    "job_items",
    METADATA,
    Column("job_pk", ForeignKey("jobs.pk", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("file", Text, nullable=False),
    Column("subject", Id),
    Column("outcome", Text, nullable=False),
    Column("face_id", ShortId),
    Column("error", Text),
    Column("detail", Text),
    Column("cautions", Text, nullable=False),  # a JSON list of codes
    Index("job_items_by_subject", "subject"),
    Index("job_items_by_face", "face_id"),
)
# Who is told when a job has ended, see `job_records/webhook_rows.py`. status: of the last answer.
webhooks = Table(
    "webhooks",
    METADATA,
    Column("job_pk", ForeignKey("jobs.pk", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("status", Integer),
    Column("problem", Text),
    Index("webhooks_by_time", "state", "next_at"),
)
# Every row of the tables above has its seal, written by triggers: see `sealing/`. On PostgreSQL it is NULL.
for _table in METADATA.tables.values():
    _table.append_column(Column("seal", LargeBinary))
subjects.append_column(Column("expires_at", UtcDateTime))
jobs.append_column(Column("creator", Text))  # the id of the key that made it, or an actor as in the audit
unknown_faces.append_column(Column("ignored", Integer, nullable=False, server_default=text("0")))
api_keys.append_column(Column("kind", Text))  # NULL: native; see `client_keys/client_kinds.py`
# Of a replica: empty where a server of schema 21 goes on beside.
replicas.append_column(Column("host", Text))
replicas.append_column(Column("process_id", Integer))
replicas.append_column(Column("started_at", UtcDateTime))
replicas.append_column(Column("search", Text))
audit.append_column(Column("decisions", Text))  # a JSON list; see `records/decisions.py`
for _name, _type in (("writer", Text), ("number", Number), ("previous", LargeBinary), ("digest", LargeBinary)):
    audit.append_column(Column(_name, _type))  # NULL in lines of releases before; see `sealing/audit_chains.py`

# One row: the id of the installation key that the rows are sealed with.
installation = Table(
    "installation",
    METADATA,
    Column("pk", Number, primary_key=True),
    Column("key_id", Text, nullable=False),
)
_announces, _expires = audit.c.kept_from.is_not(None), subjects.c.expires_at.is_not(None)
_not_live = photos.c.state != "live"
Index("audit_by_kept_from", audit.c.kept_from, sqlite_where=_announces, postgresql_where=_announces)
Index("photos_not_live", photos.c.since, sqlite_where=_not_live, postgresql_where=_not_live)
Index("subjects_by_expiry", subjects.c.expires_at, sqlite_where=_expires, postgresql_where=_expires)


def slot_of(space: int) -> int:
    """The slot that holds the embeddings of a collection's space of this number."""
    return space % len(SLOTS)
