"""Erases subjects whose time is over: their own, or that of their collection. A few in a transaction, each with a line
in the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, exists, select

from vultus.storage import collections as c
from vultus.storage import subjects as s
from vultus.storage import tables as t
from vultus.storage.audit import Act, record
from vultus.storage.database import Database
from vultus.storage.erasure_ledger.ledger import Erasure, ErasureLedger, Made
from vultus.storage.erasure_ledger.noted import erasing
from vultus.storage.lifetimes.erasures import PhotoKeys, erase_subject

EXPIRED, NOT_RENEWED = "subject.expire", "subject.retention"
SUBJECTS_AT_ONCE = 50  # erased in one transaction, which other writers wait for


@dataclass(frozen=True)
class Expired:
    """What one transaction erased. collections: by name. photos: the keys of those that no face uses any more.

    more: whether there may be more to erase.
    """

    subjects: int = 0
    collections: tuple[str, ...] = ()
    photos: PhotoKeys = ()
    more: bool = False


class Expiry:
    """Every method is one transaction, and none where nothing is due; it may raise StorageFailed."""

    def __init__(self, database: Database, act: Act | None = None, ledger: ErasureLedger | None = None) -> None:
        """ledger: has a line of each erasure before it is done; None: none is kept."""
        self._database, self._act, self._ledger = database, act, ledger

    def erase_expired(self, now: datetime) -> Expired:
        """Erase subjects whose `expires_at` has come."""
        return self._erase(EXPIRED, [t.subjects.c.expires_at <= now])

    def erase_not_renewed(self, now: datetime) -> Expired:
        """Erase subjects none of whose faces was enrolled within the days that their collection keeps them.

        A subject without faces counts from when it was made.
        """
        with self._database.reading() as connection:
            kept = [(one.name, one.policies.retention_days) for one in c.select_collections(connection)]
        due = [_not_renewed(name, now - timedelta(days=days)) for name, days in kept if days is not None]
        return self._erase(NOT_RENEWED, due)

    def _erase(self, action: str, due: Sequence[ColumnElement[bool]]) -> Expired:
        with self._database.reading() as connection:  # first without the write lock, as mostly nothing is due
            if not any(_due(connection, condition, limit=1) for condition in due):
                return Expired()
        with erasing(self._database, self._ledger) as (connection, note):
            found = [one for condition in due for one in _due(connection, condition, limit=SUBJECTS_AT_ONCE)]
            erased = [self._erase_one(connection, action, *one) for one in found[:SUBJECTS_AT_ONCE]]
            for erasure, _ in erased:
                note(erasure)
        names = tuple(sorted({erasure.collection.id for erasure, _ in erased}))
        photos = tuple(key for _, keys in erased for key in keys)
        return Expired(len(erased), names, photos, more=len(found) >= SUBJECTS_AT_ONCE)

    def _erase_one(self, connection: Connection, action: str, name: str, subject_pk: int) -> tuple[Erasure, PhotoKeys]:
        collection, subject = c.collection_row(connection, name, lock=True), s.subject_by_pk(connection, subject_pk)
        gone, orphans = erase_subject(connection, collection, subject)
        record(connection, self._act, action, collection=name, objects=gone)
        made = Made(subject.id, subject.created_at)
        return Erasure("subject", Made(name, collection.created_at), made, gone), orphans


def _due(connection: Connection, condition: ColumnElement[bool], *, limit: int) -> list[tuple[str, int]]:
    """Collection and number of subjects."""
    statement = select(t.collections.c.name, t.subjects.c.pk).join(
        t.collections, t.collections.c.pk == t.subjects.c.collection_pk
    )
    rows = connection.execute(statement.where(condition).order_by(t.subjects.c.pk).limit(limit))
    return [(row.name, row.pk) for row in rows]


def _not_renewed(collection: str, since: datetime) -> ColumnElement[bool]:
    f = t.faces.c
    renewed = exists().where(f.subject_pk == t.subjects.c.pk, f.created_at >= since)
    return (t.collections.c.name == collection) & (t.subjects.c.created_at < since) & ~renewed
