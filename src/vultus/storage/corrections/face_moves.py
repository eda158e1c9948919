"""SQL that moves faces to another subject of their collection.

A subject has at most one face of a source photo: that is how a photo sent again is known. A face that comes to a
subject with a face of the same photo stays a face of its own, is searched and listed, but gets a source_sha256 that no
photo has; an undo gives the old one back. So nothing is lost, and the photo sent again finds the subject's first face.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection, exists, select, update

from vultus.storage import tables as t
from vultus.storage.faces import FaceCondition


def move_faces(connection: Connection, condition: FaceCondition, subject_pk: int, revision: int) -> dict[int, str]:
    """Move the faces that meet the condition. Returns the source_sha256 that were replaced, by the face's number."""
    replaced = {}
    held = t.faces.alias()
    taken = exists().where(held.c.subject_pk == subject_pk, held.c.source_sha256 == t.faces.c.source_sha256)
    columns = (t.faces.c.pk, t.faces.c.id, t.faces.c.source_sha256)
    for row in connection.execute(select(*columns).where(condition(t.faces), taken)).all():
        replaced[row.pk] = row.source_sha256
        own = hashlib.sha256(f"{row.source_sha256} {row.id}".encode()).hexdigest()
        connection.execute(update(t.faces).where(t.faces.c.pk == row.pk).values(source_sha256=own))
    connection.execute(update(t.faces).where(condition(t.faces)).values(subject_pk=subject_pk, revision=revision))
    return replaced


def restore_sources(connection: Connection, sources: Mapping[int, str]) -> None:
    """Give faces their source_sha256 back, by number, unless their subject has the photo again by now."""
    for face_pk, source in sources.items():
        other = t.faces.alias()
        taken = exists().where(other.c.subject_pk == t.faces.c.subject_pk, other.c.source_sha256 == source)
        connection.execute(update(t.faces).where(t.faces.c.pk == face_pk, ~taken).values(source_sha256=source))
