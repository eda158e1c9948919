"""SQL of subjects, on an open connection; `gallery.py` combines it into transactions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    union_all,
    update,
)

from vultus.errors import InvalidRequest, SubjectNotFound
from vultus.identifiers import canonical
from vultus.lookalikes import look_alike, skeleton
from vultus.storage import tables as t
from vultus.storage.collections import quoted, require_storable
from vultus.storage.letter_case import folded

IDS_PER_STATEMENT = 500
LOOK_ALIKES, NEAR_LOOK_ALIKES = 5, 100  # named in a caution; read from the index, where not all look alike
Id = TypeVar("Id", str, int)

# Statements that every enrolment runs are made once: to make one takes as long as to run it.
_S = t.subjects.c
_IN_COLLECTION = select(t.subjects).where(_S.collection_pk == bindparam("collection_pk"))
_SPELLED = _IN_COLLECTION.where(_S.id == bindparam("text"))
_CANONICALLY = _IN_COLLECTION.where(_S.canonical == bindparam("text"))
_SPELLED_AMONG = _IN_COLLECTION.where(_S.id.in_(bindparam("texts", expanding=True)))
_CANONICALLY_AMONG = _IN_COLLECTION.where(_S.canonical.in_(bindparam("texts", expanding=True))).order_by(_S.pk.desc())
_NEAR = (
    select(_S.id)
    .where(_S.collection_pk == bindparam("collection_pk"), _S.skeleton == bindparam("skeleton"))
    .order_by(_S.pk)
    .limit(NEAR_LOOK_ALIKES)
)
_NUMBERS = union_all(
    *(select(func.max(column).label("pk")) for column in (_S.pk, t.undo_log.c.subject_pk, t.undo_log.c.other_pk))
).subquery()
_NEXT_NUMBER = select(func.coalesce(func.max(_NUMBERS.c.pk), 0) + 1).scalar_subquery()

_NEW = insert(t.subjects)
_NEW_NUMBERED = _NEW.values(pk=_NEXT_NUMBER)


def subject_row(connection: Connection, collection: Row[Any], subject_id: str) -> Row[Any]:
    """The row of a subject. Raises: SubjectNotFound, also for one that has expired and is not erased yet."""
    row = find_subject_row(connection, collection.pk, subject_id)
    if row is None or is_over(row.expires_at):
        raise _no_subject(collection, subject_id)
    return row


def find_subject_row(connection: Connection, collection_pk: int, subject_id: str) -> Row[Any] | None:
    """The row of a subject, or None; of several spellings of an id the very one, then the canonical one."""
    text = canonical(subject_id)
    spellings = [subject_id] if subject_id == text else [subject_id, text]
    for statement, spelling in (*((_SPELLED, one) for one in spellings), (_CANONICALLY, text)):
        row = connection.execute(statement, {"collection_pk": collection_pk, "text": spelling}).first()
        if row is not None:
            return row
    return None


def find_subject_rows(connection: Connection, collection_pk: int, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """As `find_subject_row` for some ids at once; without those that are not there."""
    texts = {one: canonical(one) for one in ids}
    wanted = sorted({*ids, *texts.values()})
    by_id = {row.id: row for row in _rows_among(connection, _SPELLED_AMONG, collection_pk, wanted)}
    missing = sorted({text for one, text in texts.items() if one not in by_id and text not in by_id})
    by_text = {row.canonical: row for row in _rows_among(connection, _CANONICALLY_AMONG, collection_pk, missing)}
    found = {one: by_id.get(one) or by_id.get(text) or by_text.get(text) for one, text in texts.items()}
    return {one: row for one, row in found.items() if row is not None}


def _rows_among(
    connection: Connection, statement: Select[Any], collection_pk: int, texts: Sequence[str]
) -> Iterator[Row[Any]]:
    for some in in_chunks(texts):
        yield from connection.execute(statement, {"collection_pk": collection_pk, "texts": some})


def subject_id(connection: Connection, subject_pk: int) -> str:
    """The id of an existing subject, by its number."""
    return str(connection.execute(select(t.subjects.c.id).where(t.subjects.c.pk == subject_pk)).scalar_one())


def aware(moment: datetime | str) -> datetime:
    """A stored moment, in UTC; as text: as the driver of SQLite has it, in UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC) if isinstance(moment, str) else moment.astimezone(UTC)


def is_over(expires_at: datetime | str | None) -> bool:
    """Whether a moment has come, as it is stored; None never does."""
    return expires_at is not None and aware(expires_at) <= datetime.now(UTC)


def alive() -> ColumnElement[bool]:
    """The condition on the row of a subject that has not expired."""
    return t.subjects.c.expires_at.is_(None) | (t.subjects.c.expires_at > datetime.now(UTC))


def has_id(connection: Connection, collection_pk: int, subject_id: str) -> bool:
    """Whether a subject has the id in this very spelling."""
    c = t.subjects.c
    statement = select(c.pk).where(c.collection_pk == collection_pk, c.id == subject_id)
    return connection.execute(statement).first() is not None


def other_spellings(connection: Connection, collection_pk: int, subject: Row[Any]) -> tuple[str, ...]:
    """The ids of other subjects that are the same text, composed in another way: see revision 0010."""
    c, text = t.subjects.c, canonical(subject.id)
    statement = select(c.id).where(c.collection_pk == collection_pk, c.pk != subject.pk)
    of_each = [statement.where(is_it) for is_it in (c.id == text, c.canonical == text)]
    return tuple(connection.scalars(of_each[0].union_all(of_each[1])))


def select_doubly_spelled(connection: Connection) -> tuple[tuple[str, str], ...]:
    """Collection and id of the subjects whose ids are not in their canonical spelling."""
    c = t.subjects.c
    statement = select(t.collections.c.name, c.id).join(t.collections, t.collections.c.pk == c.collection_pk)
    rows = connection.execute(statement.where(c.canonical.is_not(None)).order_by(t.collections.c.name, c.id))
    return tuple((row.name, row.id) for row in rows)


def select_look_alikes(connection: Connection, collection_pk: int, subject_id: str) -> tuple[str, ...]:
    """The ids of other subjects that look like this one, at most LOOK_ALIKES."""
    near = connection.scalars(_NEAR, {"collection_pk": collection_pk, "skeleton": skeleton(subject_id)})
    return tuple(islice((one for one in near if look_alike(one, subject_id)), LOOK_ALIKES))


def select_all_look_alikes(
    connection: Connection, collection_pk: int, ids: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """As `select_look_alikes` for some ids at once; those without any are left out."""
    c, near = t.subjects.c, dict[str, list[str]]()
    for some in in_chunks(sorted({skeleton(one) for one in ids})):
        statement = select(c.id, c.skeleton).where(c.collection_pk == collection_pk, c.skeleton.in_(some))
        for row in connection.execute(statement.order_by(c.pk)):
            near.setdefault(row.skeleton, []).append(row.id)
    alike = {one: [other for other in near.get(skeleton(one), ()) if look_alike(other, one)] for one in ids}
    return {one: tuple(others[:LOOK_ALIKES]) for one, others in alike.items() if others}


def spelled(subject_id: str) -> dict[str, Any]:
    """The columns that hold an id, in this very spelling."""
    text = canonical(subject_id)
    return {"id": subject_id, "canonical": None if subject_id == text else text, "skeleton": skeleton(subject_id)}


def insert_subject(
    connection: Connection, collection_pk: int, subject_id: str, created_at: datetime, *, pk: int | None = None
) -> None:
    """Store a subject without name and faces. pk: the number that it had before; None: it is new, its id canonical.

    A new number is higher than all that the undo log names, so that a merged subject can have its own back. PostgreSQL
    gives no number twice. Raises: InvalidRequest, for a new id with NUL.
    """
    if pk is None:
        require_storable(subject_id)
    values = spelled(canonical(subject_id) if pk is None else subject_id)
    values |= {"collection_pk": collection_pk, "metadata_json": "{}", "created_at": created_at}
    if pk is not None:
        connection.execute(_NEW, values | {"pk": pk})
    else:
        connection.execute(_NEW_NUMBERED if connection.dialect.name == "sqlite" else _NEW, values)


def insert_subjects(connection: Connection, collection_pk: int, ids: Sequence[str], created_at: datetime) -> None:
    """Store new subjects as `insert_subject` does. Raises: InvalidRequest, for a new id with NUL."""
    for one in ids:
        require_storable(one)
    fields = {"collection_pk": collection_pk, "metadata_json": "{}", "created_at": created_at}
    values = [spelled(canonical(one)) | fields for one in ids]
    connection.execute(_NEW_NUMBERED if connection.dialect.name == "sqlite" else _NEW, values)


def find_subject_by_pk(connection: Connection, subject_pk: int) -> Row[Any] | None:
    """The row of a subject, or None."""
    return connection.execute(select(t.subjects).where(t.subjects.c.pk == subject_pk)).one_or_none()


def subject_by_pk(connection: Connection, subject_pk: int) -> Row[Any]:
    """The row of a subject that is there."""
    subject = find_subject_by_pk(connection, subject_pk)
    assert subject is not None
    return subject


def change_subject_row(connection: Connection, subject_pk: int, **values: Any) -> None:
    """Set columns of a subject's row."""
    connection.execute(update(t.subjects).where(t.subjects.c.pk == subject_pk).values(values))


def update_subject_row(
    connection: Connection,
    subject_pk: int,
    name: str | None,
    metadata: Mapping[str, Any] | None,
    expires_at: datetime | None = None,
    *,
    never_expires: bool = False,
) -> None:
    """Replace name, metadata and expiry; None leaves a field as it is, never_expires takes the expiry away.

    Raises: InvalidRequest, when metadata is no JSON.
    """
    values: dict[str, Any] = {"expires_at": expires_at} if expires_at is not None or never_expires else {}
    if name is not None:
        require_storable(name)
        values["name"] = name
    if metadata is not None:
        values["metadata_json"] = _json(metadata)
    if values:
        change_subject_row(connection, subject_pk, **values)


def delete_subject_row(connection: Connection, subject_pk: int) -> None:
    """Delete a subject and, by cascade, its faces and embeddings."""
    connection.execute(delete(t.subjects).where(t.subjects.c.pk == subject_pk))


def select_same_letters(connection: Connection, collection_pk: int, subject_id: str) -> tuple[str, ...]:
    """The ids of subjects that are this one but for the case of letters."""
    c = t.subjects.c
    same = folded(c.id) == canonical(subject_id.casefold())
    return tuple(connection.scalars(select(c.id).where(c.collection_pk == collection_pk, same)))


def select_ids_beginning(
    connection: Connection, where: ColumnElement[bool], ids: ColumnElement[str], beginning: str, limit: int
) -> tuple[str, ...]:
    """At most `limit` of the ids that begin so, in their order. The range lets the database use its index."""
    begins = (ids >= beginning) & (func.substr(ids, 1, len(beginning)) == beginning)
    return tuple(connection.scalars(select(ids).where(where, begins).order_by(ids).limit(limit)))


def count_ids_beginning(connection: Connection, collection_pk: int, beginning: str) -> int:
    """How many subjects of a collection have an id that begins so, those that have expired left out."""
    c = t.subjects.c
    begins = (c.id >= beginning) & (func.substr(c.id, 1, len(beginning)) == beginning)
    statement = select(func.count()).select_from(t.subjects).where(c.collection_pk == collection_pk, begins, alive())
    return int(connection.execute(statement).scalar_one())


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
