"""SQL behind `SearchSource`: the changes of a collection's faces after a mark, stored embeddings, and owners of faces.

Every search runs some of it, and every request asks what its collection is bound to; so it is compiled once and run by
the driver: see `DriverSelect`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Dialect, Select, and_, bindparam, func, literal_column, select
from sqlalchemy.engine.interfaces import DBAPICursor

from vultus.errors import StorageFailed
from vultus.installation_key import InstallationKey
from vultus.records.seen import Float32
from vultus.records.stored import Collection
from vultus.search.int8_codes import Codes, from_blobs, quantise_into, to_blobs
from vultus.search.segments import SEGMENT_ROWS, Int64, Rows, empty_rows
from vultus.search.source import Allocate, ChangeSet, Fits, Mark, Owner, StoredEmbeddings
from vultus.storage import tables as t
from vultus.storage.collections import collection_of, no_collection
from vultus.storage.sealing.seals import ADVICE, require_sound, sound
from vultus.storage.subjects import aware, in_chunks, is_over

log = logging.getLogger(__name__)

EXPANDED = re.compile(r"IN \(__\[POSTCOMPILE_numbers[^]]*\]\)")  # SQLAlchemy's, for a parameter that expands
ROWS_AT_ONCE = 256  # what was read stays in the processor's cache until it is copied, and malloc keeps its memory
# A setting that each session of PostgreSQL is given, see `engines/postgres.py`.
TIMELINE_NOW = "coalesce(current_setting('vultus.timeline', true), '')"
UNCODED = -1.0  # in place of the scale of a row without codes


class _Bound(NamedTuple):
    """A row of the collections as the driver has it."""

    pk: int
    name: str
    model_id: str
    pipeline_version: int
    dimension: int
    revision: int
    created_at: Any
    policies: str
    space: int
    sound: bool


class DriverSelect:
    """A SELECT, compiled once, whose rows are tuples as the driver has them: no types of columns are applied.

    A parameter that expands is the only one, and is given a sequence.
    """

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text, self._values = str(compiled), dict(compiled.params)
        self._names = None if compiled.positiontup is None else tuple(compiled.positiontup)  # None: they have names
        self._streams = dialect.name == "postgresql"  # whose driver otherwise holds all rows in memory

    def run(self, cursor: DBAPICursor, **values: Any) -> DBAPICursor:
        """The cursor, to fetch the rows from."""
        known = self._values | values
        cursor.execute(self._text, known if self._names is None else [known[name] for name in self._names])
        return cursor

    def stream(self, cursor: DBAPICursor, **values: Any) -> Callable[[int], Sequence[tuple[Any, ...]]]:
        """What fetches the next so many rows, of which there may be more than fit in memory twice."""
        if not self._streams:
            return self.run(cursor, **values).fetchmany
        cursor.execute(f"DECLARE rows NO SCROLL CURSOR FOR {self._text}", self._values | values)

        def fetch(count: int) -> Sequence[tuple[Any, ...]]:
            cursor.execute(f"FETCH {count} FROM rows")
            return cursor.fetchall()

        return fetch

    def rows_of(self, cursor: DBAPICursor, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        """The rows of a statement whose one parameter, `numbers`, expands."""
        found: list[tuple[Any, ...]] = []
        for some in in_chunks(numbers):
            if self._names is None:  # one parameter of any length: the database plans the statement once
                cursor.execute(EXPANDED.sub("= ANY(%s::bigint[])", self._text), [list(some)])
            else:
                cursor.execute(EXPANDED.sub(f"IN ({', '.join('?' * len(some))})", self._text), some)
            found += cursor.fetchall()
        return found


class SearchSelects:
    """All statements of a search source, for one database."""

    def __init__(self, dialect: Dialect, key: InstallationKey | None) -> None:
        """key: by which the rows are sealed; None: they have no seals."""
        c, r = t.collections.c, t.removals.c
        named = select(c.pk, c.revision, c.space, _timeline(dialect), c.dimension).where(c.name == bindparam("name"))
        removed = select(r.face_pk).where(r.collection_pk == bindparam("pk"), r.revision > bindparam("start"))
        pruned = select(t.pruned_removals.c.revision).where(t.pruned_removals.c.collection_pk == bindparam("pk"))
        bound = select(*(c[name] for name in _Bound._fields[:-1]), sound(t.collections)).where(
            c.name == bindparam("name")
        )
        self.collection, self.removed = DriverSelect(named, dialect), DriverSelect(removed, dialect)
        self.pruned, self.bound = DriverSelect(pruned, dialect), DriverSelect(bound, dialect)
        self.slots = tuple(_SlotSelects(slot, dialect, key) for slot in range(len(t.SLOTS)))

    def binding(self, cursor: DBAPICursor, name: str) -> Collection:
        """A collection without its counts. Raises: CollectionNotFound, SealBroken."""
        rows = self.bound.run(cursor, name=name).fetchall()
        if not rows:
            raise no_collection(name)
        row = _Bound(*rows[0])
        require_sound(row.sound, f"the stored row of collection number {row.pk}")
        return collection_of(row._replace(created_at=aware(row.created_at)))

    def mark(self, cursor: DBAPICursor, name: str) -> Mark:
        """The mark of a collection. Raises: CollectionNotFound."""
        return self._named(cursor, name)[0]

    def changes(
        self, cursor: DBAPICursor, name: str, since: Mark | None, fits: Fits, allocate: Allocate = empty_rows
    ) -> ChangeSet:
        """The changes of a collection after `since`. Raises: CollectionNotFound."""
        mark, dimension = self._named(cursor, name)
        none = np.empty(0, np.int64)
        fresh = since is None or not mark.follows(since) or self._is_pruned(cursor, since)
        start = 0 if fresh or since is None else since.revision
        if start == mark.revision:
            return ChangeSet(mark, fresh, dimension, (), none)
        removed = none if fresh else self._removed(cursor, mark.collection_pk, start)
        slot = self.slots[t.slot_of(mark.space)]
        return ChangeSet(mark, fresh, dimension, slot.added(cursor, mark, dimension, start, fits, allocate), removed)

    def stored_embeddings(self, cursor: DBAPICursor, mark: Mark, face_pks: Sequence[int]) -> StoredEmbeddings:
        """Those of the faces that were there at `mark` and still are.

        A number can have gone to another face since: that one has a later revision, or another collection. Another
        space by now: its slot may be in use for embeddings of another model.
        """
        found = self.slots[t.slot_of(mark.space)].embeddings.rows_of(cursor, face_pks)
        known = [row[:2] for row in found if _is_of(mark, *row[2:])]
        pks, blobs = zip(*known, strict=True) if known else ((), ())
        return StoredEmbeddings(pks, embeddings_of(blobs, len(blobs[0]) // 4 if blobs else 0))

    def owners(self, cursor: DBAPICursor, mark: Mark, face_pks: Sequence[int]) -> dict[int, Owner]:
        """Those of the faces that were there at `mark` and still are, where they have not expired.

        Left out, and logged, are those that were changed from outside: no decision rests on them.
        """
        owners = {}
        rows = self.slots[t.slot_of(mark.space)].owners.rows_of(cursor, face_pks)
        for pk, face_id, subject_id, name, metadata, is_sound, expires_at, *stored in rows:
            if not is_sound:
                log.error("face %s does not match its seal and is not searched; %s", face_id, ADVICE)
            elif _is_of(mark, *stored) and not is_over(expires_at):
                owners[pk] = Owner(face_id, subject_id, name, json.loads(metadata))
        return owners

    def _named(self, cursor: DBAPICursor, name: str) -> tuple[Mark, int]:
        rows = self.collection.run(cursor, name=name).fetchall()
        if not rows:
            raise no_collection(name)
        *mark, dimension = rows[0]
        return Mark(*mark), dimension

    def _is_pruned(self, cursor: DBAPICursor, since: Mark) -> bool:
        """Whether removals after this mark were deleted."""
        rows = self.pruned.run(cursor, pk=since.collection_pk).fetchall()
        return any(revision > since.revision for (revision,) in rows)

    def _removed(self, cursor: DBAPICursor, collection_pk: int, start: int) -> Int64:
        rows = self.removed.run(cursor, pk=collection_pk, start=start).fetchall()
        return np.array([pk for (pk,) in rows], np.int64)


class _SlotSelects:
    """The statements on the embeddings and codes of one slot."""

    def __init__(self, slot: int, dialect: Dialect, key: InstallationKey | None) -> None:
        c, f, (embeddings, codes) = t.collections.c, t.faces.c, t.SLOTS[slot]
        left_out = select(t.unembedded.c.face_pk).where(t.unembedded.c.slot == slot)
        after = (f.collection_pk == bindparam("pk"), f.revision > bindparam("start"), f.pk.not_in(left_out))
        rows = select(f.pk, f.subject_pk)
        coded = rows.add_columns(codes.c.codes, codes.c.seal).outerjoin(codes, codes.c.face_pk == f.pk)
        embedded = rows.add_columns(embeddings.c.embedding).join(embeddings, embeddings.c.face_pk == f.pk)
        # See `seals.seal_sql`.
        self._seals_of = None if key is None else partial(key.seals_of, f"'{codes.name}', 'integerblob'")
        order = (f.revision, f.subject_pk, f.pk)  # as in the index; a revision has one subject
        self.count = DriverSelect(select(func.count()).select_from(t.faces).where(*after), dialect)
        self.codes = DriverSelect(coded.where(*after).order_by(*order), dialect)
        self.embedded = DriverSelect(embedded.where(*after).order_by(*order), dialect)
        now = (f.collection_pk, f.revision, c.space, _timeline(dialect))
        self.embeddings = DriverSelect(
            select(f.pk, embeddings.c.embedding, *now)
            .join(t.faces, f.pk == embeddings.c.face_pk)
            .join(t.collections, c.pk == f.collection_pk)
            .where(f.pk.in_(bindparam("numbers", expanding=True))),
            dialect,
        )
        is_sound = and_(*map(sound, (embeddings, t.faces, t.subjects)))
        s = t.subjects.c
        self.owners = DriverSelect(
            select(f.pk, f.id, s.id, s.name, s.metadata_json, is_sound, s.expires_at, *now)
            .join(t.subjects, t.subjects.c.pk == f.subject_pk)
            .join(t.collections, c.pk == f.collection_pk)
            .join(embeddings, embeddings.c.face_pk == f.pk)
            .where(f.pk.in_(bindparam("numbers", expanding=True))),
            dialect,
        )

    def added(
        self, cursor: DBAPICursor, mark: Mark, dimension: int, start: int, fits: Fits, allocate: Allocate
    ) -> tuple[Rows, ...]:
        """The faces enrolled after revision `start`, SEGMENT_ROWS at a time."""
        after = {"pk": mark.collection_pk, "start": start}
        ((count,),) = self.count.run(cursor, **after).fetchall()
        with_embeddings = fits(count, dimension)
        fetch = (self.embedded if with_embeddings else self.codes).stream(cursor, **after)
        segments = []
        for first in range(0, count, SEGMENT_ROWS):
            segment = allocate(min(SEGMENT_ROWS, count - first), dimension, embeddings=with_embeddings)
            for place in range(0, len(segment), ROWS_AT_ONCE):
                some = fetch(min(ROWS_AT_ONCE, len(segment) - place))
                self._fill(segment.part(place, place + ROWS_AT_ONCE), some)
            segments.append(segment)
        for segment in segments:
            self._add_missing_codes(cursor, segment)
        return tuple(segments)

    def _fill(self, rows: Rows, some: Sequence[tuple[Any, ...]]) -> None:
        """Write what was read into the rows: codes, or embeddings, from which the codes are made."""
        rows.face_pks[:], rows.subject_pks[:], blobs, *seals = zip(*some, strict=True)
        dimension = rows.codes.values.shape[1]
        if rows.embeddings is not None:
            rows.embeddings[:] = embeddings_of(blobs, dimension)
            quantise_into(rows.codes, rows.embeddings)
            return
        blank = _uncoded(dimension)
        known = [blob if type(blob) is bytes else blank for blob in blobs]
        if self._seals_of is not None:
            expected, (found,) = self._seals_of(rows.face_pks.tolist(), known), seals
            if expected != list(found):
                known = [
                    blob if seal == right else blank for blob, seal, right in zip(known, found, expected, strict=True)
                ]
        from_blobs(known, dimension, rows.codes, 0)

    def _add_missing_codes(self, cursor: DBAPICursor, rows: Rows) -> None:
        """Compute the codes of the rows that have none that match their seal.

        A server of an older release stored none.
        """
        missing = np.flatnonzero(rows.codes.scales == UNCODED)
        places = dict(zip(rows.face_pks[missing].tolist(), missing.tolist(), strict=True))
        for face_pk, blob, *_ in self.embeddings.rows_of(cursor, list(places)):
            place = places[face_pk]
            quantise_into(rows.part(place, place + 1).codes, embeddings_of([blob], rows.codes.values.shape[1]))


def embeddings_of(blobs: Sequence[bytes], dimension: int) -> Float32:
    """Stored embeddings as they were read, to (N, D) float32, read-only. Raises: StorageFailed, for other lengths."""
    joined = b"".join(blobs)
    if len(joined) != 4 * len(blobs) * dimension:
        problem = f"stored embeddings are not those of {dimension} dimensions"
        raise StorageFailed(f"{problem}; restore the database from a backup")
    return np.frombuffer(joined, "<f4").reshape(len(blobs), dimension)


def _uncoded(dimension: int) -> bytes:
    """In place of the codes of a row that has none that match their seal."""
    none = Codes(np.zeros((1, dimension), np.int8), np.full(1, UNCODED, np.float32), np.zeros(1, np.float32))
    return to_blobs(none)[0]


def _is_of(mark: Mark, *now: Any) -> bool:
    """Whether a face was there at the mark. Compared here: as a condition, SQLite goes through the whole collection.

    now: as a `Mark` has it, the revision being that of the face.
    """
    return mark.follows(Mark(*now))


def _timeline(dialect: Dialect) -> ColumnElement[str]:
    """The timeline of the session's database; that of SQLite has one, as a restore replaces it with no server there."""
    return literal_column(TIMELINE_NOW if dialect.name == "postgresql" else "''")
