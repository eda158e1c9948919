"""SQL of subjects as callers see them: one, or a page of many in one of three orders."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Label, Row, and_, bindparam, func, literal, or_, select

from vultus.identifiers import canonical
from vultus.records.stored import Subject, SubjectOrder, SubjectPlace
from vultus.storage import tables as t
from vultus.storage.letter_case import folded
from vultus.storage.subject_lists.cover_faces import cover_face
from vultus.storage.subjects import alive, subject_row

_S = t.subjects.c
_OF_SUBJECT = t.faces.c.subject_pk == _S.pk
_FACE_COUNT = select(func.count()).where(_OF_SUBJECT).scalar_subquery()
_PHOTO_COUNT = select(func.count(t.faces.c.photo_sha256.distinct())).where(_OF_SUBJECT).scalar_subquery()
_SHOWN = select(t.subjects, _FACE_COUNT.label("faces"), _PHOTO_COUNT.label("photos"), cover_face().label("cover_face"))
_SHOWN_ONE = _SHOWN.where(_S.pk == bindparam("pk"))


def select_subject(connection: Connection, collection: Row[Any], subject_id: str) -> Subject:
    """One subject with its counts. Raises: SubjectNotFound."""
    subject = subject_row(connection, collection, subject_id)
    return _subject(connection.execute(_SHOWN_ONE, {"pk": subject.pk}).one(), collection)


def select_subjects(
    connection: Connection,
    collection: Row[Any],
    *,
    order: SubjectOrder = "id",
    after: SubjectPlace | None = None,
    limit: int,
    query: str | None = None,
) -> tuple[tuple[Subject, SubjectPlace], ...]:
    """At most `limit` subjects in this order, those after a place, each with its own place.

    query: only subjects whose id begins with it, or whose name contains it, in any letter case.
    """
    key = _key(order)
    page = select(_S.pk, key).where(_S.collection_pk == collection.pk, alive())
    if after is not None:
        page = page.where(_is_after(order, key.element, after))
    if query:
        page = page.where(_is_found(query))
    newest_first = order == "newest"
    page = page.order_by(key.element.desc() if newest_first else key.element, _S.id).limit(limit)
    # Counted for the subjects of the page only: a database would count for all of them before it sorts.
    found = page.subquery()
    keys = found.c.sort_key
    rows = connection.execute(
        _SHOWN.add_columns(keys).join(found, found.c.pk == _S.pk).order_by(keys.desc() if newest_first else keys, _S.id)
    )
    return tuple((_subject(row, collection), SubjectPlace(order, _text(row.sort_key), row.id)) for row in rows)


def _key(order: SubjectOrder) -> Label[Any]:
    """By what subjects are sorted first. A subject without a name is known by its id."""
    by: dict[SubjectOrder, ColumnElement[Any]] = {
        "id": _S.id,
        "name": folded(func.coalesce(func.nullif(_S.name, ""), _S.id)),
        "newest": _S.created_at,
    }
    return by[order].label("sort_key")


def _is_after(order: SubjectOrder, key: ColumnElement[Any], place: SubjectPlace) -> ColumnElement[bool]:
    if order == "id":
        return _S.id > place.id
    if order == "newest":
        moment = literal(datetime.fromisoformat(place.key), _S.created_at.type)
        return or_(key < moment, and_(key == moment, _S.id > place.id))
    return or_(key > place.key, and_(key == place.key, _S.id > place.id))


def _is_found(query: str) -> ColumnElement[bool]:
    wanted = canonical(query.casefold())
    by_id = folded(_S.id).startswith(wanted, autoescape=True)
    return by_id | folded(_S.name).contains(wanted, autoescape=True)


def _text(key: str | datetime) -> str:
    return key.isoformat() if isinstance(key, datetime) else key


def _subject(row: Row[Any], collection: Row[Any]) -> Subject:
    return Subject(
        id=row.id,
        collection=collection.name,
        name=row.name,
        metadata=json.loads(row.metadata_json),
        created_at=row.created_at,
        faces=row.faces,
        expires_at=row.expires_at,
        photos=row.photos,
        cover_face=row.cover_face,
    )
