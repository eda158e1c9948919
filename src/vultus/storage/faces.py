"""SQL of faces and their embeddings, on an open connection; `gallery.py` combines it into transactions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Label,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    select,
)

from vultus.errors import FaceNotFound, ModelMismatch
from vultus.records.seen import Float32, ModelEmbedding, Quality, Template
from vultus.records.stored import EnrolledFace, ImageLabel, NewFace, Photo
from vultus.search.int8_codes import quantise, to_blobs
from vultus.storage import tables as t
from vultus.storage.collections import quoted
from vultus.storage.sealing.seals import require_sound, sound
from vultus.storage.subjects import alive, in_chunks
from vultus.vectors import require_embedding

FaceCondition = Callable[[FromClause], ColumnElement[bool]]
"""From the faces table, or an alias of it, to the condition on its rows."""


def require_fitting(collection: Row[Any], template: ModelEmbedding) -> None:
    """Raises: ModelMismatch, VectorMismatch, when a template cannot belong to the collection."""
    if template.model_id != collection.model_id:
        raise ModelMismatch(
            f"collection {quoted(collection.name)} is bound to model {collection.model_id}, "
            f"the template is of {template.model_id}; use the collection's model"
        )
    require_embedding(template.embedding, collection.dimension, template.model_id)


def new_faces(connection: Connection, subject_pk: int, faces: Sequence[NewFace]) -> dict[str, NewFace]:
    """By source_sha256: the faces whose source photo the subject does not have; the first of several."""
    by_source: dict[str, NewFace] = {}
    for face in faces:
        by_source.setdefault(face.source_sha256, face)
    known = select_faces_by_source(connection, subject_pk, tuple(by_source))
    return {source: face for source, face in by_source.items() if source not in known}


Placed = tuple[Row[Any], int, NewFace]
"""The row of a subject, the revision of the collection that is its alone, and a new face of it."""


def insert_faces(
    connection: Connection, placed: Sequence[Placed], created_at: datetime, *, space: int
) -> tuple[str, ...]:
    """Store faces, at least one, with their embeddings and codes in the space of the collection; returns their ids."""
    rows = [_values(face, subject, revision, created_at) for subject, revision, face in placed]
    faces = [face for _, _, face in placed]
    pks = {row.id: row.pk for row in connection.execute(_INSERTED, rows)}
    insert_embeddings(connection, [pks[row["id"]] for row in rows], [face.template.embedding for face in faces], space)
    labels = [_label_values(pks[row["id"]], face.label) for row, face in zip(rows, faces, strict=True) if face.label]
    if labels:
        connection.execute(insert(t.image_labels), labels)
    return tuple(row["id"] for row in rows)


def _label_values(face_pk: int, label: ImageLabel) -> dict[str, Any]:
    return {"face_pk": face_pk, "image_id": label.image_id, "external_id": label.external_id}


def insert_embeddings(connection: Connection, pks: Sequence[int], vectors: Sequence[Float32], space: int) -> None:
    """Store embeddings, at least one, with their codes, in the space of this number."""
    stored = zip(pks, vectors, to_blobs(quantise(np.stack(vectors))), strict=True)
    values = [{"face_pk": pk, "embedding": vector, "codes": codes} for pk, vector, codes in stored]
    for table in t.SLOTS[t.slot_of(space)]:
        connection.execute(insert(table), values)


def select_faces_by_source(connection: Connection, subject_pk: int, sources: Sequence[str]) -> dict[str, EnrolledFace]:
    """The subject's faces from these source photos, by source_sha256."""
    found: dict[str, EnrolledFace] = {}
    for some in in_chunks(sources):
        rows = connection.execute(_OF_SOURCES, {"subject_pk": subject_pk, "sources": some})
        found.update((row.source_sha256, _face(row)) for row in rows)
    return found


def known_sources(
    connection: Connection, subject_pks: Sequence[int], sources: Sequence[str]
) -> frozenset[tuple[int, str]]:
    """Numbers of subjects and source_sha256 of those of their faces that are from these source photos."""
    found: set[tuple[int, str]] = set()
    for some in in_chunks(sources):
        rows = connection.execute(_SOURCES_OF, {"subject_pks": subject_pks, "sources": some})
        found.update((row.subject_pk, row.source_sha256) for row in rows)
    return frozenset(found)


def select_subject_faces(connection: Connection, subject_pk: int) -> tuple[EnrolledFace, ...]:
    """The subject's faces, oldest first."""
    statement = _faces().where(t.faces.c.subject_pk == subject_pk).order_by(t.faces.c.pk)
    return tuple(_face(row) for row in connection.execute(statement))


def select_faces_of_image(connection: Connection, collection_pk: int, image_id: str) -> tuple[EnrolledFace, ...]:
    """The faces of a collection whose image has this label, oldest first."""
    condition = (t.faces.c.collection_pk == collection_pk, t.image_labels.c.image_id == image_id)
    return tuple(_face(row) for row in connection.execute(_faces().where(*condition).order_by(t.faces.c.pk)))


def select_faces_by_id(connection: Connection, collection_pk: int, face_ids: Sequence[str]) -> dict[str, EnrolledFace]:
    """Those of the faces that the collection has, by id."""
    found: dict[str, EnrolledFace] = {}
    for some in in_chunks(face_ids):
        statement = _faces().where(t.faces.c.id.in_(some), t.faces.c.collection_pk == collection_pk, alive())
        found.update((row.id, _face(row)) for row in connection.execute(statement))
    return found


def select_sources(connection: Connection, subject_pk: int) -> dict[str, str]:
    """The source_sha256 of each of the subject's faces, by its id."""
    statement = select(t.faces.c.id, t.faces.c.source_sha256).where(t.faces.c.subject_pk == subject_pk)
    return {row.id: row.source_sha256 for row in connection.execute(statement)}


def select_face(connection: Connection, face_id: str) -> EnrolledFace:
    """Raises: FaceNotFound."""
    row = connection.execute(_faces().where(t.faces.c.id == face_id, alive())).one_or_none()
    if row is None:
        raise _no_face(face_id)
    return _face(row)


def face_row(connection: Connection, face_id: str) -> Row[Any]:
    """The row of a face. Raises: FaceNotFound."""
    row = connection.execute(select(t.faces).where(t.faces.c.id == face_id)).one_or_none()
    if row is None:
        raise _no_face(face_id)
    return row


def select_face_embedding(connection: Connection, face_id: str) -> tuple[EnrolledFace, Float32, int]:
    """A face, its embedding, (D,) float32, and the number of its space.

    Raises: FaceNotFound; SealBroken, when it was changed from outside.
    """
    row = connection.execute(_faces().where(t.faces.c.id == face_id, alive())).one_or_none()
    if row is None:
        raise _no_face(face_id)
    embeddings, _ = t.SLOTS[t.slot_of(row.space)]
    statement = select(sound_embedding(embeddings, t.faces))
    stored = connection.execute(
        statement.join(t.faces, t.faces.c.pk == embeddings.c.face_pk).where(embeddings.c.face_pk == row.pk)
    ).one_or_none()
    if stored is None:
        raise FaceNotFound(f"face {face_id} was left out when its collection was re-embedded; enroll another photo")
    require_sound(stored.embedding is not None, f"the stored face {face_id}")
    return _face(row), stored.embedding, row.space


def select_faces(
    connection: Connection, collection_pk: int, after: int, limit: int
) -> tuple[tuple[EnrolledFace, int], ...]:
    """At most `limit` faces of a collection in the order of enrolment, those after the number `after`; each with its
    number."""
    statement = _faces().where(t.faces.c.collection_pk == collection_pk, t.faces.c.pk > after)
    rows = connection.execute(statement.order_by(t.faces.c.pk).limit(limit))
    return tuple((_face(row), row.pk) for row in rows)


def select_face_names(
    connection: Connection, condition: ColumnElement[bool], skip: int, limit: int
) -> tuple[tuple[tuple[str, str], ...], int]:
    """Ids of faces and of their subjects in the order of enrolment, and the count of all that meet the condition."""
    f, joined = t.faces.c, t.faces.join(t.subjects, t.subjects.c.pk == t.faces.c.subject_pk)
    statement = select(f.id, t.subjects.c.id).select_from(joined).where(condition, alive())
    count = connection.execute(select(func.count()).select_from(joined).where(condition, alive())).scalar_one()
    rows = connection.execute(statement.order_by(f.pk).offset(skip).limit(limit))
    return tuple((face, subject) for face, subject in rows), int(count)


def select_embeddings(
    connection: Connection, subject_pk: int, dimension: int, space: int
) -> tuple[tuple[str, ...], Float32]:
    """The subject's face ids, oldest first, and their embeddings in this space of the collection, (N, D) float32.

    Raises: SealBroken, when a face of it was changed from outside.
    """
    embeddings, _ = t.SLOTS[t.slot_of(space)]
    statement = (
        select(t.faces.c.id, sound_embedding(embeddings, t.faces, t.subjects))
        .join(embeddings, embeddings.c.face_pk == t.faces.c.pk)
        .join(t.subjects, t.subjects.c.pk == t.faces.c.subject_pk)
        .where(t.faces.c.subject_pk == subject_pk)
        .order_by(t.faces.c.pk)
    )
    rows = connection.execute(statement).all()
    vectors = np.empty((len(rows), dimension), np.float32)
    for place, row in enumerate(rows):
        require_sound(row.embedding is not None, f"the stored face {row.id}")
        vectors[place] = row.embedding
    return tuple(row.id for row in rows), vectors


def sound_embedding(embeddings: Table, *others: Table) -> Label[Any]:
    """The embedding in a statement; NULL where its row, or one of the other tables, does not match its seal."""
    return case((and_(*map(sound, (embeddings, *others))), embeddings.c.embedding)).label("embedding")


def face_ids(connection: Connection, condition: FaceCondition) -> tuple[str, ...]:
    """The ids of the faces that meet the condition, oldest first."""
    return tuple(connection.scalars(select(t.faces.c.id).where(condition(t.faces)).order_by(t.faces.c.pk)))


def photos_only_of(connection: Connection, condition: FaceCondition) -> tuple[str, ...]:
    """The keys of photos that show only faces that meet the condition."""
    other = t.faces.alias()  # a photo with several faces stays as long as one of them does
    kept = exists().where(other.c.photo_sha256 == t.faces.c.photo_sha256, not_(condition(other)))
    statement = _kept_photos().where(condition(t.faces), not_(kept))
    return tuple(connection.scalars(statement))


def delete_faces(connection: Connection, condition: FaceCondition, revision: int) -> None:
    """Delete faces and their embeddings by a condition; only their numbers stay, for the search indexes."""
    gone = select(t.faces.c.collection_pk, literal(revision), t.faces.c.pk).where(condition(t.faces))
    connection.execute(insert(t.removals).from_select(["collection_pk", "revision", "face_pk"], gone))
    connection.execute(delete(t.faces).where(condition(t.faces)))


def all_photos(connection: Connection) -> frozenset[str]:
    """The photo keys of all faces."""
    return frozenset(connection.scalars(_kept_photos()))


def photo_bytes(connection: Connection) -> int:
    """The bytes of the photos of all faces, each photo once."""
    live = t.photos.c.state == "live"
    return int(connection.execute(select(func.coalesce(func.sum(t.photos.c.bytes), 0)).where(live)).scalar_one())


def any_photo(connection: Connection, collection_pk: int) -> bool:
    """Whether a photo is kept of any face of a collection."""
    f = t.faces.c
    statement = select(f.pk).where(f.collection_pk == collection_pk, f.photo_sha256.is_not(None)).limit(1)
    return connection.execute(statement).first() is not None


def referenced_photos(connection: Connection, keys: Iterable[str]) -> frozenset[str]:
    """Those of the photo keys that belong to a face."""
    return frozenset(connection.scalars(_kept_photos().where(t.faces.c.photo_sha256.in_(tuple(keys)))))


def _kept_photos() -> Select[Any]:
    key = t.faces.c.photo_sha256
    return select(key).distinct().where(key.is_not(None))


def _no_face(face_id: str) -> FaceNotFound:
    return FaceNotFound(f"there is no face {quoted(face_id)}; list the faces of its subject")


def _values(new: NewFace, subject: Row[Any], revision: int, created_at: datetime) -> dict[str, Any]:
    width, height = new.source_size or (None, None)
    return {
        "id": uuid4().hex,
        "collection_pk": subject.collection_pk,
        "subject_pk": subject.pk,
        "revision": revision,
        "source_sha256": new.source_sha256,
        "created_at": created_at,
        "source_width": width,
        "source_height": height,
        **_photo_values(new.photo),
        **_template_values(new.template),
    }


def _photo_values(photo: Photo | None) -> dict[str, Any]:
    return {
        "photo_sha256": photo and photo.sha256,
        "photo_width": photo and photo.width,
        "photo_height": photo and photo.height,
        "photo_bytes": photo and photo.size_bytes,
    }


def _template_values(template: ModelEmbedding) -> dict[str, Any]:
    """Face and quality, all None for a bare embedding."""
    if not isinstance(template, Template):
        return dict.fromkeys(("box", "landmarks", "detector_score", "quality_score", "quality_parts"))
    face, quality = template.face, template.quality
    return {
        "box": json.dumps([float(edge) for edge in face.box]),
        "landmarks": json.dumps(np.asarray(face.landmarks, np.float64).tolist()),
        "detector_score": float(face.score),
        "quality_score": float(quality.score),
        "quality_parts": json.dumps({name: float(score) for name, score in quality.parts.items()}),
        "quality_version": quality.version,
    }


def _faces() -> Select[Any]:
    """All faces, with the collection and the subject they belong to."""
    c, s = t.collections.c, t.subjects.c
    joined = t.faces.join(t.subjects, s.pk == t.faces.c.subject_pk).join(t.collections, c.pk == s.collection_pk)
    columns = (c.name.label("collection"), c.model_id.label("model_id"), c.space, s.id.label("subject"))
    labels = t.image_labels.c
    joined = joined.outerjoin(t.image_labels, labels.face_pk == t.faces.c.pk)
    return select(t.faces, *columns, labels.image_id, labels.external_id).select_from(joined)


# Made once, as every enrolment runs them.
_INSERTED = insert(t.faces).returning(t.faces.c.pk, t.faces.c.id)
_SOURCES_OF = select(t.faces.c.subject_pk, t.faces.c.source_sha256).where(
    t.faces.c.subject_pk.in_(bindparam("subject_pks", expanding=True)),
    t.faces.c.source_sha256.in_(bindparam("sources", expanding=True)),
)
_OF_SOURCES = _faces().where(
    t.faces.c.subject_pk == bindparam("subject_pk"),
    t.faces.c.source_sha256.in_(bindparam("sources", expanding=True)),
)


def _face(row: Row[Any]) -> EnrolledFace:
    return EnrolledFace(
        id=row.id,
        collection=row.collection,
        subject=row.subject,
        photo=_photo(row),
        box=row.box and tuple(json.loads(row.box)),
        landmarks=tuple((x, y) for x, y in json.loads(row.landmarks or "[]")),
        detector_score=row.detector_score,
        quality=_quality(row),
        model_id=row.model_id,
        created_at=row.created_at,
        source_size=None if row.source_width is None else (row.source_width, row.source_height),
        label=None if row.image_id is None else ImageLabel(row.image_id, row.external_id),
    )


def _photo(row: Row[Any]) -> Photo | None:
    if row.photo_sha256 is None:
        return None
    return Photo(row.photo_sha256, row.source_sha256, row.photo_width, row.photo_height, row.photo_bytes)


def _quality(row: Row[Any]) -> Quality | None:
    if row.quality_score is None:
        return None
    return Quality(row.quality_score, json.loads(row.quality_parts), row.quality_version)
