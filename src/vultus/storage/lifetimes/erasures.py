"""SQL that erases faces and subjects, on an open connection: the one way in which a person leaves the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row

from vultus.storage import collections as c
from vultus.storage import faces as f
from vultus.storage import subjects as s
from vultus.storage.corrections import undo_log as u
from vultus.storage.erasure_marks import mark_erased
from vultus.storage.job_records import job_items
from vultus.storage.photo_records import photo_rows

PhotoKeys = tuple[str, ...]


def erase_faces(
    connection: Connection, collection_pk: int, condition: f.FaceCondition
) -> tuple[tuple[str, ...], PhotoKeys]:
    """Delete faces of a collection; their ids, and the keys of the photos that no other face uses."""
    gone = f.face_ids(connection, condition)
    orphans = f.photos_only_of(connection, condition)
    u.expire(connection, datetime.now(UTC))
    if gone:
        u.forget_faces(connection, condition)
        job_items.forget_faces(connection, gone)
        f.delete_faces(connection, condition, c.raise_revision(connection, collection_pk))
        photo_rows.doom(connection, orphans)
    return gone, orphans


def erase_subject(connection: Connection, collection: Row[Any], subject: Row[Any]) -> tuple[tuple[str, ...], PhotoKeys]:
    """Delete a subject with its faces, and what could bring it back; the ids and keys as of `erase_faces`."""
    gone, orphans = erase_faces(connection, collection.pk, lambda faces: faces.c.subject_pk == subject.pk)
    u.forget_subject(connection, subject.pk)
    job_items.forget_subject(connection, collection.name, subject.id)
    mark_erased(connection, collection.name, subject.id)
    s.delete_subject_row(connection, subject.pk)
    return gone, orphans
