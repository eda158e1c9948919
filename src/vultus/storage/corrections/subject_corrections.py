"""Corrections: who is who. Renames, merges and moves, and their undo. Every method is one transaction.

A merge, a move and an undo raise the revision of the faces that they move, so the search indexes take them in like new
faces; the numbers of faces stay, and with them the order of lists.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from vultus.errors import InvalidRequest, SubjectExists, UndoNotPossible
from vultus.identifiers import canonical
from vultus.records.answers import ChangedSubject, MovedFace, Undone
from vultus.storage import collections as c
from vultus.storage import faces as f
from vultus.storage import subjects as s
from vultus.storage.audit import Act, record
from vultus.storage.collections import quoted, require_storable
from vultus.storage.corrections import undo_log as u
from vultus.storage.corrections.face_moves import move_faces, restore_sources
from vultus.storage.database import Database
from vultus.storage.subject_lists.subject_pages import select_subject


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Corrections:
    """Changes which subject a face belongs to, and by which id a subject is known."""

    def __init__(self, database: Database, act: Act | None = None, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._act, self._clock = database, act, clock

    def rename(self, collection: str, subject_id: str, new_id: str, *, undo_for: timedelta) -> ChangedSubject:
        """Give a subject another id.

        Raises: CollectionNotFound, SubjectNotFound, SubjectExists, InvalidRequest (it has this id already).
        """
        now = self._clock()
        require_storable(new_id)
        with self._database.erasing() as connection:  # also of entries whose time is over
            u.expire(connection, now)
            row = c.collection_row(connection, collection, lock=True)
            subject = s.subject_row(connection, row, subject_id)
            new_id, holder = canonical(new_id), s.find_subject_row(connection, row.pk, new_id)
            if new_id == subject.id:
                raise InvalidRequest(f"the subject has the id {quoted(new_id)} already; send another one")
            if holder is not None and holder.pk != subject.pk:
                raise SubjectExists(
                    f"collection {quoted(collection)} has a subject {quoted(new_id)} already; if both are the same "
                    "person, merge them, or choose another id"
                )
            s.change_subject_row(connection, subject.pk, **s.spelled(new_id))
            _, undo = u.add_entry(connection, u.RENAME, subject, now + undo_for, {"was": subject.id, "is": new_id})
            self._record(connection, u.RENAME, row, lambda faces: faces.c.subject_pk == subject.pk)
            return ChangedSubject(select_subject(connection, row, new_id), undo)

    def merge(self, collection: str, subject_id: str, into: str, *, undo_for: timedelta) -> ChangedSubject:
        """Move all faces of a subject to another one, and remove the emptied subject.

        The other one keeps its name and metadata, and takes over those of the first where it has none. Of two expiries
        the earlier one holds, so that no face is kept for longer than was said of it.
        Raises: CollectionNotFound, SubjectNotFound (of either), InvalidRequest (one subject given twice).
        """
        now = self._clock()
        with self._database.erasing() as connection:
            u.expire(connection, now)
            row = c.collection_row(connection, collection, lock=True)
            subject, target = (s.subject_row(connection, row, one) for one in (subject_id, into))
            if subject.pk == target.pk:
                raise InvalidRequest("a subject cannot be merged with itself; send the id of another one")
            payload = {**_plain(subject), "took": _take_over(connection, subject, target)}
            payload["had_expiry"] = _moment_text(target.expires_at)
            _take_earlier_expiry(connection, subject, target)
            entry, undo = u.add_entry(connection, u.MERGE, subject, now + undo_for, payload, other_pk=target.pk)
            moved = self._record(connection, u.MERGE, row, lambda faces: faces.c.subject_pk == subject.pk)
            _move(connection, entry, lambda faces: faces.c.subject_pk == subject.pk, target, moved)
            s.delete_subject_row(connection, subject.pk)
            return ChangedSubject(select_subject(connection, row, into), undo, moved)

    def move(self, face_id: str, subject_id: str, *, undo_for: timedelta) -> MovedFace:
        """Move a face to a subject of its collection, made when new. The subject that it leaves stays, even if emptied.

        Raises: FaceNotFound, InvalidRequest (it belongs to this subject already).
        """
        now = self._clock()
        with self._database.erasing() as connection:
            u.expire(connection, now)
            face = f.face_row(connection, face_id)
            row = c.collection_row(connection, c.collection_name(connection, face.collection_pk), lock=True)
            former, target = (
                s.subject_by_pk(connection, face.subject_pk),
                s.find_subject_row(connection, row.pk, subject_id),
            )
            if target is not None and former.pk == target.pk:
                raise InvalidRequest(f"the face belongs to subject {quoted(subject_id)} already; send another one")
            created = target is None
            if created:
                s.insert_subject(connection, row.pk, subject_id, now)
            target = s.subject_row(connection, row, subject_id)
            entry, undo = u.add_entry(
                connection, u.MOVE, former, now + undo_for, {"created": created}, other_pk=target.pk
            )
            _move(connection, entry, lambda faces: faces.c.pk == face.pk, target, 1)
            self._record(connection, u.MOVE, row, lambda faces: faces.c.pk == face.pk)
            return MovedFace(f.select_face(connection, face_id), undo, created)

    def collection_of(self, undo_id: str) -> str:
        """The collection of a change that can still be undone. Raises: NotFound."""
        with self._database.reading() as connection:
            return c.collection_name(connection, u.find_entry(connection, undo_id, self._clock()).collection_pk)

    def undo(self, undo_id: str) -> Undone:
        """Undo a change once, as a whole.

        Raises: NotFound (undone already, its time over, something it names erased), UndoNotPossible.
        """
        with self._database.erasing() as connection:
            entry = u.find_entry(connection, undo_id, self._clock())
            row = c.collection_row(connection, c.collection_name(connection, entry.collection_pk), lock=True)
            moved = self._record(connection, "undo", row, u.named_faces(entry))
            _UNDO[entry.kind](connection, row, entry)
            other = _other_id(connection, entry)
            revision = None if entry.kind == u.RENAME or not moved else _move_back(connection, entry)
            u.close_entry(connection, entry, revision)
            if entry.kind == u.MOVE and json.loads(entry.payload)["created"]:
                _remove_if_unused(connection, entry.other_pk)
            u.expire(connection, self._clock())
            subject = select_subject(connection, row, s.subject_by_pk(connection, entry.subject_pk).id)
            return Undone(entry.kind, subject, 0 if revision is None else moved, other)

    def sweep(self) -> None:
        """Remove from the undo log what can no longer be undone, as its time is over."""
        with self._database.erasing() as connection:
            u.expire(connection, self._clock())

    def _record(self, connection: Connection, action: str, collection: Row[Any], condition: f.FaceCondition) -> int:
        """Audit a change of faces; how many they are."""
        ids = f.face_ids(connection, condition)
        record(connection, self._act, action, collection=collection.name, objects=ids)
        return len(ids)


# --- changes ------------------------------------------------------------------------------------------------------


def _move(connection: Connection, entry_pk: int, condition: f.FaceCondition, target: Row[Any], count: int) -> None:
    if count:
        revision = c.raise_revision(connection, target.collection_pk)
        u.add_faces(connection, entry_pk, condition, revision)
        u.add_sources(connection, entry_pk, move_faces(connection, condition, target.pk, revision))


def _take_over(connection: Connection, subject: Row[Any], target: Row[Any]) -> list[str]:
    """Give the target the name and metadata of the subject where it has none; the columns that were set."""
    lacking = {"name": not target.name, "metadata_json": target.metadata_json == "{}"}
    taken = {key: getattr(subject, key) for key, lacks in lacking.items() if lacks}
    taken = {key: value for key, value in taken.items() if value and value != "{}"}
    if taken:
        s.change_subject_row(connection, target.pk, **taken)
    return list(taken)


def _take_earlier_expiry(connection: Connection, subject: Row[Any], target: Row[Any]) -> None:
    if subject.expires_at is not None and (target.expires_at is None or subject.expires_at < target.expires_at):
        s.change_subject_row(connection, target.pk, expires_at=subject.expires_at)


def _moment_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _plain(subject: Row[Any]) -> dict[str, Any]:
    return {
        "id": subject.id,
        "name": subject.name,
        "metadata_json": subject.metadata_json,
        "created_at": subject.created_at.isoformat(),
        "expires_at": _moment_text(subject.expires_at),
    }


# --- undo ---------------------------------------------------------------------------------------------------------


def _undo_rename(connection: Connection, collection: Row[Any], entry: Row[Any]) -> None:
    ids = json.loads(entry.payload)
    subject = _require_there(connection, entry.subject_pk)
    if subject.id not in (ids["is"], canonical(ids["is"])):
        raise UndoNotPossible("the subject was renamed again since; undo that first")
    _require_free(connection, collection, ids["was"])
    s.change_subject_row(connection, subject.pk, **s.spelled(ids["was"]))


def _undo_merge(connection: Connection, collection: Row[Any], entry: Row[Any]) -> None:
    """Store the subject again, and take from the other one what it took over, unless that was changed since."""
    was = json.loads(entry.payload)
    expires_at = _moment_of(was.get("expires_at"))  # absent from entries of an earlier release
    if s.is_over(expires_at):
        raise UndoNotPossible("the subject that was merged has expired since; nothing can bring it back")
    target = _require_there(connection, entry.other_pk)
    _require_latest(connection, entry)
    _require_free(connection, collection, was["id"])
    s.insert_subject(
        connection, collection.pk, was["id"], datetime.fromisoformat(was["created_at"]), pk=entry.subject_pk
    )
    s.change_subject_row(
        connection, entry.subject_pk, name=was["name"], metadata_json=was["metadata_json"], expires_at=expires_at
    )
    if expires_at is not None and target.expires_at == expires_at:
        s.change_subject_row(connection, target.pk, expires_at=_moment_of(was["had_expiry"]))
    nothing = {"name": None, "metadata_json": "{}"}
    given_back = {key: nothing[key] for key in was["took"] if getattr(target, key) == was[key]}
    if given_back:
        s.change_subject_row(connection, target.pk, **given_back)


def _undo_move(connection: Connection, collection: Row[Any], entry: Row[Any]) -> None:
    _require_there(connection, entry.subject_pk)
    _require_latest(connection, entry)


_UNDO: dict[str, Callable[[Connection, Row[Any], Row[Any]], None]] = {
    u.RENAME: _undo_rename,
    u.MERGE: _undo_merge,
    u.MOVE: _undo_move,
}


def _other_id(connection: Connection, entry: Row[Any]) -> str:
    """By which id the faces were known between the change and its undo."""
    if entry.kind == u.RENAME:
        return str(json.loads(entry.payload)["is"])
    return s.subject_id(connection, entry.other_pk)


def _require_there(connection: Connection, subject_pk: int) -> Row[Any]:
    subject = s.find_subject_by_pk(connection, subject_pk)
    if subject is None:
        raise UndoNotPossible("a subject that it names was merged into another one since; undo that first")
    return subject


def _require_latest(connection: Connection, entry: Row[Any]) -> None:
    if not u.is_latest(connection, entry):
        raise UndoNotPossible(
            "a face that it names was moved again since; undo that first, or move the faces one by one"
        )


def _require_free(connection: Connection, collection: Row[Any], subject_id: str) -> None:
    if s.has_id(connection, collection.pk, subject_id):
        raise UndoNotPossible(f"another subject has the id {quoted(subject_id)} by now; rename that one first")


def _move_back(connection: Connection, entry: Row[Any]) -> int:
    """Move the faces to the subject that they came from; their new revision."""
    revision = c.raise_revision(connection, entry.collection_pk)
    sources = u.former_sources(connection, entry)
    move_faces(connection, u.named_faces(entry), entry.subject_pk, revision)
    restore_sources(connection, sources)
    return revision


def _remove_if_unused(connection: Connection, subject_pk: int) -> None:
    """Remove the subject that a move made, unless something was added to it, or could come back to it, since."""
    subject = s.subject_by_pk(connection, subject_pk)
    has_face = bool(f.face_ids(connection, lambda faces: faces.c.subject_pk == subject_pk))
    described = bool(subject.name) or subject.metadata_json != "{}" or subject.expires_at is not None
    if not has_face and not described and not u.names_subject(connection, subject_pk):
        s.delete_subject_row(connection, subject_pk)
