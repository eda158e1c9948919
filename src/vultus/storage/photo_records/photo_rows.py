"""SQL on the rows of the stored photos, on an open connection; transactions are `gallery.py` and `photo_removal.py`.

A row is `announced` before the bytes are stored, `live` as long as a face uses them, and `doomed` from the transaction
on that erases the last such face. Bytes are removed while their row is locked, and the row goes with them: so a process
that stops anywhere leaves bytes that a row names, and an enrolment of the same picture waits, and stores it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from vultus.records.stored import Photo
from vultus.storage import tables as t
from vultus.storage.faces import referenced_photos
from vultus.storage.subjects import in_chunks

ANNOUNCED, LIVE, DOOMED = "announced", "live", "doomed"
ANNOUNCED_FOR = timedelta(days=1)  # an import of many photos may store them hours before their faces
ROW = t.photos.c
_AMONG = ROW.sha256.in_(bindparam("keys", expanding=True))
_LOCKED = select(ROW.sha256).where(_AMONG).order_by(ROW.sha256).with_for_update()


def announce(connection: Connection, sizes: Mapping[str, int]) -> None:
    """Note photos that are about to be stored: their bytes by their keys. Those that a face uses stay live."""
    statement = _insert(connection)
    told = {"state": statement.excluded.state, "since": statement.excluded.since}
    statement = statement.on_conflict_do_update(index_elements=["sha256"], set_=told, where=ROW.state != LIVE)
    connection.execute(statement, _rows(sizes, ANNOUNCED))


def lock(connection: Connection, keys: Iterable[str]) -> None:
    """Lock those of the rows that there are, in one order for all; until the commit nobody removes their bytes."""
    for some in in_chunks(sorted(set(keys))):
        connection.execute(_LOCKED, {"keys": some}).all()


def make_live(connection: Connection, photos: Iterable[Photo]) -> None:
    """Note that faces use these photos, in the transaction that adds the faces."""
    sizes = {photo.sha256: photo.size_bytes for photo in photos}
    if sizes:
        statement = _insert(connection)
        told = {name: statement.excluded[name] for name in ("bytes", "state", "since")}
        statement = statement.on_conflict_do_update(index_elements=["sha256"], set_=told, where=ROW.state != LIVE)
        connection.execute(statement, _rows(sizes, LIVE))


def doom(connection: Connection, keys: Sequence[str]) -> None:
    """Note that no face uses these photos any more, in the transaction that erases the faces.

    An erasure succeeds also where a row was changed from outside.
    """
    for some in in_chunks(keys):
        _replace(connection, some, DOOMED)


def doom_unused(connection: Connection, keys: Sequence[str]) -> None:
    """The same for those of the stored photos that no face uses, and that nobody is about to use."""
    expected = referenced_photos(connection, keys) | on_their_way(connection, keys)
    doom(connection, [key for key in keys if key not in expected])


def on_their_way(connection: Connection, keys: Sequence[str]) -> frozenset[str]:
    """Those that are about to be used, or to be removed."""
    return frozenset(connection.scalars(select(ROW.sha256).where(ROW.sha256.in_(keys), ROW.state != LIVE)))


def waiting(connection: Connection) -> int:
    """How many photos of erased faces are still to be removed."""
    doomed = select(func.count()).select_from(t.photos).where(ROW.state == DOOMED)
    return int(connection.execute(doomed).scalar_one())


def oldest_waiting(connection: Connection) -> datetime | None:
    """Since when the oldest of them waits; None where none does."""
    return connection.scalars(select(ROW.since).where(ROW.state == DOOMED).order_by(ROW.since).limit(1)).first()


def take_doomed(connection: Connection, keys: Sequence[str] | None, limit: int) -> tuple[str, ...]:
    """Lock the rows of photos that are to be removed now, and that nobody else has locked; at most `limit` keys.

    keys: only of these; None: of all, those first that have waited longest. Announced ones are, after a day.
    """
    forgotten = (ROW.state == ANNOUNCED) & (ROW.since < datetime.now(UTC) - ANNOUNCED_FOR)
    statement = select(ROW.sha256).where(or_(ROW.state == DOOMED, forgotten)).order_by(ROW.since).limit(limit)
    if keys is not None:
        statement = statement.where(ROW.sha256.in_(keys))
    taken = tuple(connection.scalars(statement.with_for_update(skip_locked=True)))
    used = referenced_photos(connection, taken)  # none, unless a row was changed from outside
    if used:
        _replace(connection, sorted(used), LIVE)
    return tuple(key for key in taken if key not in used)


def forget(connection: Connection, keys: Sequence[str]) -> None:
    """Delete the rows of photos that are gone."""
    connection.execute(delete(t.photos).where(ROW.sha256.in_(keys)))


def put_last(connection: Connection, key: str) -> None:
    """Let a photo that could not be removed wait behind the others, since when the last of them does."""
    last = connection.scalars(select(func.max(ROW.since)).where(ROW.state == DOOMED, ROW.sha256 != key)).one()
    own = connection.scalars(select(ROW.since).where(ROW.sha256 == key)).one()
    _replace(connection, [key], DOOMED, since=own if last is None else max(own, last + timedelta(microseconds=1)))


def _replace(connection: Connection, keys: Sequence[str], state: str, *, since: datetime | None = None) -> None:
    """Write the rows of these photos again, those that are not there too; a change would need their seals to match.

    since: None for now.
    """
    rows = connection.execute(select(ROW.sha256, ROW.bytes).where(ROW.sha256.in_(keys)))
    sizes = dict.fromkeys(keys, 0) | {row.sha256: row.bytes for row in rows}
    forget(connection, keys)
    if sizes:
        connection.execute(insert(t.photos), _rows(sizes, state, since))


def _rows(sizes: Mapping[str, int], state: str, since: datetime | None = None) -> list[dict[str, Any]]:
    """In one order for all, so that writers which lock several rows never wait for each other in a circle."""
    moment = since or datetime.now(UTC)
    return [{"sha256": key, "bytes": sizes[key], "state": state, "since": moment} for key in sorted(sizes)]


def _insert(connection: Connection) -> Any:
    """An INSERT that may say ON CONFLICT: both databases have it, each in a construct of its own."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(t.photos)
