"""Spaces: the second embeddings of a collection's faces, which are made while the first are in use; and the switch.

A collection is in one space: a model at a version. `begin` gives it another one beside it, `filling`. Faces get their
embeddings there a few at a time, or are named with a reason why they cannot; those enrolled meanwhile follow, erased
ones leave both at once. When none is left, `switch` exchanges the two in one transaction. The former space is `kept`:
beginning with it again goes back to it, and only what was enrolled since must be made. `remove` makes a space
`removing`, and it is erased in steps, which a kill does not lose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from vultus.errors import InvalidRequest, NotFound
from vultus.records.embedding_spaces import Missing, OtherSpace, Space, SpaceState
from vultus.records.seen import Float32
from vultus.records.stored import EnrolledFace
from vultus.storage import collections as c
from vultus.storage import tables as t
from vultus.storage.audit import Act, record
from vultus.storage.collections import quoted
from vultus.storage.database import Database
from vultus.storage.faces import insert_embeddings, select_faces
from vultus.storage.sealing.seals import sound
from vultus.storage.subjects import in_chunks

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, eq=False)
class FaceToEmbed:
    """A face without an embedding in the other space; number: its place in the order of enrolment.

    embedding: (D,) float32, in the present space; None where it has none.
    """

    face: EnrolledFace
    number: int
    embedding: Float32 | None


@dataclass(frozen=True)
class Switch:
    """What became of a switch. remaining: faces to be made yet; missing: faces that cannot be made."""

    done: bool
    remaining: int = 0
    missing: int = 0


class Spaces:
    """Every method is one transaction and may raise StorageFailed, CollectionNotFound."""

    def __init__(self, database: Database, act: Act | None = None) -> None:
        self._database, self._act = database, act

    def other(self, collection: str) -> OtherSpace | None:
        """The space beside that of the collection, None when it has none."""
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            other = _other(connection, row.pk)
            if other is None:
                return None
            slot, slots = t.slot_of(row.space + 1), t.SLOTS
            embedded = _count(connection, row.pk, slots[slot][0].c.face_pk)
            return OtherSpace(_space(other), other.state, embedded, _missing_count(connection, row.pk, slot))

    def begin(self, collection: str, target: Space) -> None:
        """Give the collection this space beside its own, to be filled; faces that could not be made are tried again.

        Raises: InvalidRequest, when the collection is in that space, or has another one beside it.
        """
        with self._database.writing() as connection:
            row = c.collection_row(connection, collection, lock=True)
            other = _other(connection, row.pk)
            if _space(row) == target:
                raise InvalidRequest(f"collection {quoted(collection)} is embedded by {_shown(target)} already")
            if other is None:
                connection.execute(insert(t.other_spaces).values(collection_pk=row.pk, state="filling", **vars(target)))
            elif other.state == "removing" or _space(other) != target:
                raise InvalidRequest(
                    f"collection {quoted(collection)} has embeddings by {_shown(_space(other))} beside its own; "
                    "finish or abandon that re-embedding first"
                )
            else:
                _set_state(connection, row.pk, "filling")
            _forget_missing(connection, row.pk, t.slot_of(row.space + 1))

    def remaining(self, collection: str, *, after: int, limit: int) -> tuple[tuple[FaceToEmbed, ...], int | None]:
        """Those of the next `limit` faces that the other space lacks; the number to go on after, None at the end."""
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            page = select_faces(connection, row.pk, after, limit)
            pks = [pk for _, pk in page]
            settled = _settled(connection, pks, row.space + 1)
            present = _embeddings(connection, pks, row.space)
        wanted = tuple(FaceToEmbed(face, pk, present.get(pk)) for face, pk in page if pk not in settled)
        return wanted, page[-1][1] if len(page) == limit else None

    def add(self, collection: str, target: Space, made: Sequence[tuple[FaceToEmbed, Float32 | str]]) -> bool:
        """Store embeddings, or the reasons why there are none; whether the collection still fills this space.

        A face that was erased meanwhile is passed over, also when a new one has its number.
        """
        with self._database.adding() as connection:
            row = c.collection_row(connection, collection, lock=True)
            if not _is_filling(connection, row, target):
                return False
            pks = [one.number for one, _ in made]
            settled = _settled(connection, pks, row.space + 1)
            ids = {pk: face_id for pk, face_id in _ids(connection, row.pk, pks) if pk not in settled}
            new = [(one.number, result) for one, result in made if ids.get(one.number) == one.face.id]
            vectors = [(pk, result) for pk, result in new if not isinstance(result, str)]
            if vectors:
                numbers, embeddings = zip(*vectors, strict=True)
                insert_embeddings(connection, numbers, embeddings, row.space + 1)
            reasons = [
                {"face_pk": pk, "slot": t.slot_of(row.space + 1), "reason": result}
                for pk, result in new
                if isinstance(result, str)
            ]
            if reasons:
                connection.execute(insert(t.unembedded), reasons)
            return True

    def missing(self, collection: str, *, after: int, limit: int) -> tuple[Missing, ...]:
        """At most `limit` faces that the other space lacks for a reason; after the switch: those that were left out."""
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            other = _other(connection, row.pk)
            space = row.space + 1 if other is not None and other.state == "filling" else row.space
            f, u = t.faces.c, t.unembedded.c
            statement = (
                select(f.id, f.pk, u.reason)
                .join(t.unembedded, u.face_pk == f.pk)
                .where(f.collection_pk == row.pk, u.slot == t.slot_of(space), f.pk > after)
                .order_by(f.pk)
                .limit(limit)
            )
            return tuple(Missing(one.id, one.pk, one.reason) for one in connection.execute(statement))

    def switch(self, collection: str, target: Space, *, drop_missing: bool) -> Switch:
        """Exchange the two spaces, when every face has its embedding or, with drop_missing, its reason for none.

        Raises: NotFound, when the collection does not fill this space.
        """
        with self._database.writing() as connection:
            row = c.collection_row(connection, collection, lock=True)
            if not _is_filling(connection, row, target):
                raise NotFound(f"collection {quoted(collection)} is not being re-embedded by {_shown(target)}")
            slot = t.slot_of(row.space + 1)
            missing = _missing_count(connection, row.pk, slot)
            made = _count(connection, row.pk, t.SLOTS[slot][0].c.face_pk)
            remaining = _count(connection, row.pk) - made - missing
            if remaining or (missing and not drop_missing):
                return Switch(False, remaining, missing)
            own, key = _space(row), t.collections.c.pk == row.pk
            connection.execute(update(t.collections).where(key).values(space=row.space + 1, **vars(target)))
            connection.execute(
                update(t.other_spaces).where(t.other_spaces.c.collection_pk == row.pk).values(state="kept", **vars(own))
            )
            c.raise_revision(connection, row.pk)
            record(connection, self._act, "reembed.switch", collection=collection)
            return Switch(True, 0, missing)

    def remove(self, collection: str, state: SpaceState) -> bool:
        """Give up the other space, if it is in this state; whether it was. Then `erase_some` until it is gone."""
        with self._database.writing() as connection:
            row = c.collection_row(connection, collection, lock=True)
            other = _other(connection, row.pk)
            if other is None or other.state != state:
                return False
            _set_state(connection, row.pk, "removing")
            action = "reembed.finish" if state == "kept" else "reembed.abandon"
            record(connection, self._act, action, collection=collection)
            return True

    def erase_some(self, collection: str) -> bool:
        """Erase some embeddings of a space that was given up; whether there may be more."""
        with self._database.erasing() as connection:
            row = c.collection_row(connection, collection, lock=True)
            other = _other(connection, row.pk)
            if other is None or other.state != "removing":
                return False
            slot = t.slot_of(row.space + 1)
            for table in t.SLOTS[slot]:
                if _erase_rows(connection, row.pk, table.c.face_pk):
                    return True
            _forget_missing(connection, row.pk, slot)
            connection.execute(delete(t.other_spaces).where(t.other_spaces.c.collection_pk == row.pk))
            return False

    def removing(self) -> tuple[str, ...]:
        """The collections with a space that was given up and is not gone yet."""
        joined = t.collections.join(t.other_spaces, t.other_spaces.c.collection_pk == t.collections.c.pk)
        statement = select(t.collections.c.name).select_from(joined).where(t.other_spaces.c.state == "removing")
        with self._database.reading() as connection:
            return tuple(connection.scalars(statement))


def _shown(space: Space) -> str:
    return f"{space.model_id} (pipeline {space.pipeline_version})"


def _space(row: Row[Any]) -> Space:
    return Space(row.model_id, row.pipeline_version, row.dimension)


def _other(connection: Connection, collection_pk: int) -> Row[Any] | None:
    statement = select(t.other_spaces).where(t.other_spaces.c.collection_pk == collection_pk)
    return connection.execute(statement).one_or_none()


def _is_filling(connection: Connection, collection: Row[Any], target: Space) -> bool:
    other = _other(connection, collection.pk)
    return other is not None and other.state == "filling" and _space(other) == target


def _set_state(connection: Connection, collection_pk: int, state: SpaceState) -> None:
    key = t.other_spaces.c.collection_pk == collection_pk
    connection.execute(update(t.other_spaces).where(key).values(state=state))


def _ids(connection: Connection, collection_pk: int, pks: Sequence[int]) -> Iterable[tuple[int, str]]:
    f = t.faces.c
    for some in in_chunks(pks):
        rows = connection.execute(select(f.pk, f.id).where(f.pk.in_(some), f.collection_pk == collection_pk))
        yield from ((row.pk, row.id) for row in rows)


def _settled(connection: Connection, pks: Sequence[int], space: int) -> set[int]:
    """Those of the faces that have an embedding in this space, or a reason why not."""
    slot = t.slot_of(space)
    e, u, found = t.SLOTS[slot][0].c.face_pk, t.unembedded.c, set()
    for some in in_chunks(pks):
        found |= set(connection.scalars(select(e).where(e.in_(some))))
        found |= set(connection.scalars(select(u.face_pk).where(u.slot == slot, u.face_pk.in_(some))))
    return found


def _embeddings(connection: Connection, pks: Sequence[int], space: int) -> dict[int, Float32]:
    table = t.SLOTS[t.slot_of(space)][0]
    found: dict[int, Float32] = {}
    for some in in_chunks(pks):
        # Sound ones only: the new embedding of a damaged one is made from the photo.
        rows = connection.execute(select(table).where(table.c.face_pk.in_(some), sound(table)))
        found.update((row.face_pk, row.embedding) for row in rows)
    return found


def _count(connection: Connection, collection_pk: int, face_pk: ColumnElement[Any] | None = None) -> int:
    """The faces of a collection; face_pk: only those that a table has by this column."""
    statement = select(func.count()).select_from(t.faces).where(t.faces.c.collection_pk == collection_pk)
    if face_pk is not None:
        statement = statement.where(t.faces.c.pk.in_(select(face_pk)))
    return int(connection.execute(statement).scalar_one())


def _missing_count(connection: Connection, collection_pk: int, slot: int) -> int:
    f, u = t.faces.c, t.unembedded.c
    joined = t.unembedded.join(t.faces, f.pk == u.face_pk)
    statement = select(func.count()).select_from(joined).where(u.slot == slot, f.collection_pk == collection_pk)
    return int(connection.execute(statement).scalar_one())


def _forget_missing(connection: Connection, collection_pk: int, slot: int) -> None:
    u, own = t.unembedded.c, select(t.faces.c.pk).where(t.faces.c.collection_pk == collection_pk)
    connection.execute(delete(t.unembedded).where(u.slot == slot, u.face_pk.in_(own)))


def _erase_rows(connection: Connection, collection_pk: int, face_pk: ColumnElement[Any]) -> int:
    f = t.faces.c
    some = select(face_pk).join(t.faces, f.pk == face_pk).where(f.collection_pk == collection_pk).limit(ROWS_AT_ONCE)
    table = face_pk.table
    return int(connection.execute(delete(table).where(face_pk.in_(some))).rowcount)
