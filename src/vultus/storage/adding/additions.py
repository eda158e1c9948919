"""Adds faces to subjects, refusing those erased meanwhile, on an open connection; transactions are `gallery.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row

from vultus.errors import CollectionNotFound, SubjectErased
from vultus.records.answers import EnrolledPhoto
from vultus.records.stored import NewFace
from vultus.storage import collections as c
from vultus.storage import faces as f
from vultus.storage import subjects as s
from vultus.storage.erasure_marks import erased_since, latest_erasure
from vultus.storage.photo_records import photo_rows


@dataclass(frozen=True)
class Added:
    """The subject, its faces in the order given, and whether anything was stored."""

    subject_id: str
    faces: tuple[EnrolledPhoto, ...]
    changed: bool


def add_to_subject(
    connection: Connection,
    collection: Row[Any],
    subject_id: str | None,
    faces: Sequence[NewFace],
    created_at: datetime,
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> Added:
    """Add faces to a subject, made when new (with an id of ours when None), under one revision of the collection.

    A face whose source the subject has already is not stored again. name, metadata, expires_at: replaced when given.
    Raises: SubjectErased, when the subject has expired and is not erased yet; ModelMismatch, VectorMismatch,
    InvalidRequest (metadata that is no JSON object).
    """
    subject_id = subject_id if subject_id is not None else uuid4().hex
    for face in faces:
        f.require_fitting(collection, face.template)
    there = s.find_subject_row(connection, collection.pk, subject_id)
    is_new = there is None
    if there is not None and s.is_over(there.expires_at):
        raise SubjectErased("the subject has expired and is being erased; send the photos again in a moment")
    if is_new:
        s.insert_subject(connection, collection.pk, subject_id, created_at)
    subject = s.subject_row(connection, collection, subject_id)
    s.update_subject_row(connection, subject.pk, name, metadata, expires_at)
    new = f.new_faces(connection, subject.pk, faces)
    if new:
        revision = c.raise_revision(connection, collection.pk)
        f.insert_faces(
            connection, [(subject, revision, face) for face in new.values()], created_at, space=collection.space
        )
        photo_rows.make_live(connection, [face.photo for face in new.values() if face.photo is not None])
    sources = [face.source_sha256 for face in faces]
    stored = f.select_faces_by_source(connection, subject.pk, sources)
    enrolled = tuple(EnrolledPhoto(stored[source], new.pop(source, None) is not None) for source in sources)
    given = (name, metadata, expires_at)
    changed = is_new or given != (None, None, None) or any(face.created for face in enrolled)
    return Added(subject.id, enrolled, changed)


@dataclass(frozen=True)
class Beginning:
    """What an enrolment found when it began. erasure: the number of the last one before.

    collection_pk: None while the collection is new. subjects: number and creation of those that were there, by the id
    that was given.
    """

    erasure: int
    collection_pk: int | None
    subjects: Mapping[str, tuple[int, datetime]]

    def not_after(self, earlier: Beginning) -> Beginning:
        """As if it had begun then, for the subjects that this one and that one know."""
        return Beginning(
            min(self.erasure, earlier.erasure), earlier.collection_pk, {**self.subjects, **earlier.subjects}
        )


def beginning(connection: Connection, collection: str, subject_ids: Iterable[str | None]) -> Beginning:
    """What an enrolment of these subjects finds."""
    erasure = latest_erasure(connection)
    try:
        row = c.collection_row(connection, collection)
    except CollectionNotFound:
        return Beginning(erasure, None, {})
    found = {one: s.find_subject_row(connection, row.pk, one) for one in subject_ids if one is not None}
    there = {given: (one.pk, one.created_at) for given, one in found.items() if one is not None}
    return Beginning(erasure, row.pk, there)


def require_not_erased(
    connection: Connection,
    collection: Row[Any],
    subject_ids: Iterable[str | None],
    begun: Beginning,
    known_faces: Sequence[str] = (),
) -> None:
    """Raises: SubjectErased, when the subjects or their known faces are no longer what the enrolment began with."""
    replaced = begun.collection_pk not in (None, collection.pk)
    for subject_id in subject_ids:
        erased = replaced or erased_since(connection, begun.erasure, collection.name, subject_id)
        before = begun.subjects.get(subject_id) if subject_id is not None else None
        if not erased and before is not None:
            now = s.find_subject_row(connection, collection.pk, str(subject_id))
            erased = now is None or (now.pk, now.created_at) != before
        if erased:
            raise SubjectErased(
                "the subject was erased, renamed or merged while its photos were analysed; nothing was enrolled. "
                "Send them again if the person is to be enrolled all the same"
            )
    if known_faces and len(f.face_ids(connection, lambda faces: faces.c.id.in_(known_faces))) < len(set(known_faces)):
        raise SubjectErased("a face of the subject was erased while its photos were analysed; nothing was enrolled")


def photo_keys_of(faces: Iterable[NewFace]) -> tuple[str, ...]:
    """The keys of their photos, as far as they have some."""
    return tuple(face.photo.sha256 for face in faces if face.photo is not None)


def face_ids_of(added: Sequence[Added]) -> tuple[str, ...]:
    """The ids of all these faces, each once."""
    return tuple(dict.fromkeys(one.face.id for each in added for one in each.faces))
