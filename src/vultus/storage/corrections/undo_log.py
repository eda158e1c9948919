"""SQL of the undo log: what is needed to undo a rename, a merge or a move, until its time is over.

An entry names subjects and faces by their numbers, and holds in its payload what the change removed. That is personal
data, so the entry goes when its time is over, and when a face or a subject that it names is erased: an erasure leaves
nothing, and an undo brings nothing back that was erased. The number of a subject that an entry names is given to no
other subject meanwhile, see `subjects.insert_subject`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, insert, literal, or_, select, update

from vultus.errors import NotFound
from vultus.records.stored import Undo
from vultus.storage import tables as t
from vultus.storage.collections import quoted
from vultus.storage.faces import FaceCondition
from vultus.storage.sealing.seals import require_sound, sound
from vultus.storage.subjects import in_chunks

RENAME, MERGE, MOVE = "subject.rename", "subject.merge", "face.move"
_LOG, _FACES = t.undo_log.c, t.undo_faces.c


def add_entry(
    connection: Connection,
    kind: str,
    subject: Row[Any],
    until: datetime,
    payload: Mapping[str, Any],
    *,
    other_pk: int | None = None,
) -> tuple[int, Undo]:
    """Add an entry; its number, and what the caller needs to use it.

    subject: of a rename the renamed one, of a merge the one that goes, of a move the one that the face comes from.
    other_pk: the number of the subject that has the faces afterwards.
    """
    undo = Undo(uuid4().hex, until)
    values = {
        "id": undo.id,
        "collection_pk": subject.collection_pk,
        "kind": kind,
        "until": until,
        "subject_pk": subject.pk,
        "other_pk": other_pk,
        "payload": json.dumps(dict(payload)),
    }
    return int(connection.execute(insert(t.undo_log).values(values).returning(_LOG.pk)).scalar_one()), undo


def add_faces(connection: Connection, entry_pk: int, condition: FaceCondition, revision: int) -> None:
    """Name the faces that are about to move, as of this revision."""
    f = t.faces.c
    rows = select(literal(entry_pk), f.pk, literal(revision), f.revision).where(condition(t.faces))
    columns = ["undo_pk", "face_pk", "revision", "revision_before"]
    connection.execute(insert(t.undo_faces).from_select(columns, rows))


def add_sources(connection: Connection, entry_pk: int, sources: Mapping[int, str]) -> None:
    """Keep the source_sha256 that faces had, by their number, where moving them replaced it."""
    for face_pk, source in sources.items():
        named = (_FACES.undo_pk == entry_pk, _FACES.face_pk == face_pk)
        connection.execute(update(t.undo_faces).where(*named).values(source_before=source))


def find_entry(connection: Connection, undo_id: str, now: datetime) -> Row[Any]:
    """The entry.

    Raises: NotFound, when there is none, or its time is over; SealBroken, when it was changed from outside.
    """
    statement = select(t.undo_log, sound(t.undo_log).label("sound"))
    row = connection.execute(statement.where(_LOG.id == undo_id, _LOG.until > now)).one_or_none()
    if row is None:
        raise NotFound(
            f"there is nothing to undo under {quoted(undo_id)}: it was undone already, its time is over, or a face or "
            "subject that it names was erased"
        )
    named = select(sound(t.undo_faces)).where(_FACES.undo_pk == row.pk)
    require_sound(row.sound and all(connection.scalars(named)), f"what is stored under {quoted(undo_id)}")
    return row


def named_faces(entry: Row[Any]) -> FaceCondition:
    """The condition on the faces that the change concerned: those that moved, or all of a renamed subject."""
    if entry.kind == RENAME:
        return lambda faces: faces.c.subject_pk == entry.subject_pk
    named = select(_FACES.face_pk).where(_FACES.undo_pk == entry.pk)
    return lambda faces: faces.c.pk.in_(named)


def is_latest(connection: Connection, entry: Row[Any]) -> bool:
    """Whether each face that the entry names is where the change put it, and has not moved since."""
    f = t.faces.c
    same = (f.pk == _FACES.face_pk) & (f.revision == _FACES.revision) & (f.subject_pk == entry.other_pk)
    elsewhere = select(_FACES.face_pk).where(_FACES.undo_pk == entry.pk, ~exists().where(same))
    return connection.execute(elsewhere.limit(1)).first() is None


def former_sources(connection: Connection, entry: Row[Any]) -> dict[int, str]:
    """The source_sha256 that faces had before, by their number, where moving them replaced it."""
    statement = select(_FACES.face_pk, _FACES.source_before)
    rows = connection.execute(statement.where(_FACES.undo_pk == entry.pk, _FACES.source_before.is_not(None)))
    return {row.face_pk: row.source_before for row in rows}


def close_entry(connection: Connection, entry: Row[Any], revision: int | None) -> None:
    """Remove an entry that was undone. revision: of its faces now; None when no face moved.

    The faces are again as before the change, so the entries before it become possible to undo.
    """
    if revision is not None:
        mine = t.undo_faces.alias()
        moved = select(mine.c.face_pk).where(mine.c.undo_pk == entry.pk)
        same = (mine.c.undo_pk == entry.pk) & (mine.c.face_pk == _FACES.face_pk)
        before = exists().where(same, mine.c.revision_before == _FACES.revision)
        others = update(t.undo_faces).where(_FACES.face_pk.in_(moved), _FACES.undo_pk != entry.pk, before)
        connection.execute(others.values(revision=revision))
    connection.execute(delete(t.undo_log).where(_LOG.pk == entry.pk))


def names_subject(connection: Connection, subject_pk: int) -> bool:
    """Whether an entry names the subject."""
    return connection.execute(select(_LOG.pk).where(_names(subject_pk)).limit(1)).first() is not None


def forget_faces(connection: Connection, condition: FaceCondition) -> None:
    """Remove all entries that name a face that meets the condition."""
    faces = select(t.faces.c.pk).where(condition(t.faces))
    _remove(connection, connection.scalars(select(_FACES.undo_pk).distinct().where(_FACES.face_pk.in_(faces))).all())


def forget_subject(connection: Connection, subject_pk: int) -> None:
    """Remove all entries that name the subject."""
    _remove(connection, connection.scalars(select(_LOG.pk).where(_names(subject_pk))).all())


def expire(connection: Connection, now: datetime) -> None:
    """Remove the entries whose time is over."""
    _remove(connection, connection.scalars(select(_LOG.pk).where(_LOG.until <= now)).all())


def _names(*subject_pks: int) -> ColumnElement[bool]:
    return or_(_LOG.subject_pk.in_(subject_pks), _LOG.other_pk.in_(subject_pks))


def _remove(connection: Connection, entry_pks: Iterable[int]) -> None:
    """Remove entries. The subject of a merge can never come back then, so all that name it go too."""
    found = list(entry_pks)
    while found:
        lost: list[int] = []
        for some in in_chunks(found):
            merged = select(_LOG.subject_pk).where(_LOG.pk.in_(some), _LOG.kind == MERGE)
            lost += connection.scalars(merged).all()
            connection.execute(delete(t.undo_log).where(_LOG.pk.in_(some)))
        found = [pk for some in in_chunks(lost) for pk in connection.scalars(select(_LOG.pk).where(_names(*some)))]
