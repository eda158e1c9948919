"""SQL of cover faces: the face that shows a subject, chosen by the operator or else the one of the best quality.

A choice is of a face, so it goes with it: when the face is erased or belongs to another subject, the subject is shown
by its best face again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select

from vultus.errors import FaceNotFound, InvalidRequest
from vultus.storage import tables as t
from vultus.storage.collections import quoted

LOWEST_QUALITY = -1.0  # below any stored score: of a face without one
_CHOSEN, _FACES = t.cover_faces.c, t.faces.c
_IS_CHOSEN = and_(_CHOSEN.face_pk == _FACES.pk, _CHOSEN.subject_pk == _FACES.subject_pk)


def cover_face() -> ColumnElement[Any]:
    """The id of the cover face of a subject in a statement; NULL where no photo is kept of any of its faces."""
    best_first = (
        _CHOSEN.face_pk.is_(None),
        _FACES.quality_version.desc(),
        func.coalesce(_FACES.quality_score, LOWEST_QUALITY).desc(),
        _FACES.pk,
    )
    shown = select(_FACES.id).select_from(t.faces.outerjoin(t.cover_faces, _IS_CHOSEN))
    shown = shown.where(_FACES.subject_pk == t.subjects.c.pk, _FACES.photo_sha256.is_not(None))
    return shown.order_by(*best_first).limit(1).scalar_subquery()


def choose_cover(connection: Connection, subject: Row[Any], face_id: str | None) -> None:
    """Let a face of the subject show it; None: the face of the best quality.

    Raises: FaceNotFound, when the subject has no such face; InvalidRequest, when no photo is kept of it.
    """
    connection.execute(delete(t.cover_faces).where(_CHOSEN.subject_pk == subject.pk))
    if face_id is None:
        return
    statement = select(_FACES.pk, _FACES.photo_sha256)
    face = connection.execute(statement.where(_FACES.subject_pk == subject.pk, _FACES.id == face_id)).one_or_none()
    if face is None:
        raise FaceNotFound(f"the subject has no face {quoted(face_id)}; list its faces and send the id of one")
    if face.photo_sha256 is None:
        raise InvalidRequest(f"no photo is kept of face {face_id}, so it cannot show the subject; choose another one")
    connection.execute(insert(t.cover_faces).values(subject_pk=subject.pk, face_pk=face.pk))
