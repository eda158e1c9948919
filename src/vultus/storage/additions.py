"""Adds faces to subjects, on an open connection; `gallery.py` makes a transaction of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row

from vultus.records.answers import EnrolledPhoto
from vultus.records.stored import NewFace
from vultus.storage import collections as c
from vultus.storage import faces as f
from vultus.storage import subjects as s


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
) -> Added:
    """Add faces to a subject, made when new (with an id of ours when None), under one revision of the collection.

    A face whose source the subject has already is not stored again. name, metadata: replaced when given.
    Raises: ModelMismatch, VectorMismatch, InvalidRequest (metadata that is no JSON object).
    """
    subject_id = subject_id if subject_id is not None else uuid4().hex
    for face in faces:
        f.require_fitting(collection, face.template)
    is_new = s.find_subject_row(connection, collection.pk, subject_id) is None
    if is_new:
        s.insert_subject(connection, collection.pk, subject_id, created_at)
    subject = s.subject_row(connection, collection, subject_id)
    s.update_subject_row(connection, subject.pk, name, metadata)
    new = f.new_faces(connection, subject.pk, faces)
    if new:
        revision = c.raise_revision(connection, collection.pk)
        f.insert_faces(connection, subject, revision, tuple(new.values()), created_at, space=collection.space)
    sources = [face.source_sha256 for face in faces]
    stored = f.select_faces_by_source(connection, subject.pk, sources)
    enrolled = tuple(EnrolledPhoto(stored[source], new.pop(source, None) is not None) for source in sources)
    changed = is_new or name is not None or metadata is not None or any(face.created for face in enrolled)
    return Added(subject_id, enrolled, changed)


def face_ids_of(added: Sequence[Added]) -> tuple[str, ...]:
    """The ids of all these faces, each once."""
    return tuple(dict.fromkeys(one.face.id for each in added for one in each.faces))
