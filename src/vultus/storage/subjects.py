"""SQL of subjects, on an open connection; `gallery.py` combines it into transactions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, union_all, update

from vultus.errors import InvalidRequest, SubjectNotFound
from vultus.records.stored import Subject
from vultus.storage import tables as t
from vultus.storage.collections import quoted

IDS_PER_STATEMENT = 500
Id = TypeVar("Id", str, int)


def subject_row(connection: Connection, collection: Row[Any], subject_id: str) -> Row[Any]:
    """The row of a subject. Raises: SubjectNotFound."""
    row = find_subject_row(connection, collection.pk, subject_id)
    if row is None:
        raise _no_subject(collection, subject_id)
    return row


def find_subject_row(connection: Connection, collection_pk: int, subject_id: str) -> Row[Any] | None:
    """The row of a subject, or None."""
    c = t.subjects.c
    statement = select(t.subjects).where(c.collection_pk == collection_pk, c.id == subject_id)
    return connection.execute(statement).one_or_none()


def insert_subject(
    connection: Connection, collection_pk: int, subject_id: str, created_at: datetime, *, pk: int | None = None
) -> None:
    """Store a subject without name and faces. pk: the number that it had before; None: it is new.

    A new number is higher than all that the undo log names, so that a merged subject can have its own back.
    """
    columns = (t.subjects.c.pk, t.undo_log.c.subject_pk, t.undo_log.c.other_pk)
    highest = union_all(*(select(func.max(column).label("pk")) for column in columns)).subquery()
    following = select(func.coalesce(func.max(highest.c.pk), 0) + 1).scalar_subquery()
    values = {"collection_pk": collection_pk, "id": subject_id, "metadata_json": "{}", "created_at": created_at}
    connection.execute(insert(t.subjects).values(pk=following if pk is None else pk, **values))


def find_subject_by_pk(connection: Connection, subject_pk: int) -> Row[Any] | None:
    """The row of a subject, or None."""
    return connection.execute(select(t.subjects).where(t.subjects.c.pk == subject_pk)).one_or_none()


def change_subject_row(connection: Connection, subject_pk: int, **values: Any) -> None:
    """Set columns of a subject's row."""
    connection.execute(update(t.subjects).where(t.subjects.c.pk == subject_pk).values(values))


def update_subject_row(
    connection: Connection, subject_pk: int, name: str | None, metadata: Mapping[str, Any] | None
) -> None:
    """Replace name and/or metadata; None leaves a field as it is. Raises: InvalidRequest, when metadata is no JSON."""
    values: dict[str, str] = {}
    if name is not None:
        values["name"] = name
    if metadata is not None:
        values["metadata_json"] = _json(metadata)
    if values:
        change_subject_row(connection, subject_pk, **values)


def delete_subject_row(connection: Connection, subject_pk: int) -> None:
    """Delete a subject and, by cascade, its faces and embeddings."""
    connection.execute(delete(t.subjects).where(t.subjects.c.pk == subject_pk))


def select_subject(connection: Connection, collection: Row[Any], subject_id: str) -> Subject:
    """One subject with its number of faces. Raises: SubjectNotFound."""
    row = connection.execute(_with_counts(collection.pk).where(t.subjects.c.id == subject_id)).one_or_none()
    if row is None:
        raise _no_subject(collection, subject_id)
    return _subject(row, collection)


def select_subjects(
    connection: Connection, collection: Row[Any], after: str | None, limit: int, query: str | None = None
) -> tuple[Subject, ...]:
    """At most `limit` subjects in the order of their ids (by code point), those after the id `after`.

    query: only subjects whose id begins with it, or whose name contains it, in any letter case.
    """
    statement = _with_counts(collection.pk).order_by(t.subjects.c.id).limit(limit)
    if after is not None:
        statement = statement.where(t.subjects.c.id > after)
    if query:
        wanted = query.casefold()
        by_id = func.lower(t.subjects.c.id).startswith(wanted, autoescape=True)
        statement = statement.where(by_id | func.lower(t.subjects.c.name).contains(wanted, autoescape=True))
    return tuple(_subject(row, collection) for row in connection.execute(statement))


def select_subjects_of_faces(
    connection: Connection, collection: Row[Any], face_ids: Sequence[str]
) -> dict[str, Subject]:
    """The subjects of those of the faces that are there, by face id."""
    found: dict[str, Subject] = {}
    for some in in_chunks(face_ids):
        for row in connection.execute(_OF_FACES, {"face_ids": some}):
            # Filtered here: as a WHERE condition, SQLite goes through all subjects of the collection.
            if row.collection_pk == collection.pk:
                found[row.face_id] = _subject(row, collection)
    return found


def in_chunks(ids: Sequence[Id]) -> Iterator[Sequence[Id]]:
    """The ids in chunks that fit into one statement."""
    return (ids[start : start + IDS_PER_STATEMENT] for start in range(0, len(ids), IDS_PER_STATEMENT))


def _no_subject(collection: Row[Any], subject_id: str) -> SubjectNotFound:
    problem = f"collection {quoted(collection.name)} has no subject {quoted(subject_id)}"
    return SubjectNotFound(f"{problem}; enroll it first, or list the subjects there are")


def _json(metadata: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError, RecursionError):  # their messages quote the value
        problem = "metadata is no JSON object; use texts, finite numbers, true, false, null, lists and objects only"
        raise InvalidRequest(problem) from None


def _with_counts(collection_pk: int) -> Select[Any]:
    return _COUNTED.where(t.subjects.c.collection_pk == collection_pk)


_FACE_COUNT = select(func.count()).where(t.faces.c.subject_pk == t.subjects.c.pk).scalar_subquery()
_COUNTED = select(t.subjects, _FACE_COUNT.label("faces"))
_SHOWN = t.faces.alias("shown")
_OF_FACES = (  # made once: every search runs it
    _COUNTED.add_columns(_SHOWN.c.id.label("face_id"))
    .join(_SHOWN, _SHOWN.c.subject_pk == t.subjects.c.pk)
    .where(_SHOWN.c.id.in_(bindparam("face_ids", expanding=True)))
)


def _subject(row: Row[Any], collection: Row[Any]) -> Subject:
    return Subject(
        id=row.id,
        collection=collection.name,
        name=row.name,
        metadata=json.loads(row.metadata_json),
        created_at=row.created_at,
        faces=row.faces,
    )
