"""What a search index pulls: the changes of a collection's faces after a mark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from vultus.search.int8_codes import from_blobs, quantise, to_blobs
from vultus.search.segments import SEGMENT_ROWS, Int64, Rows, empty_rows
from vultus.storage import tables as t
from vultus.storage.collections import collection_row
from vultus.storage.subjects import in_chunks

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Mark:
    """How much of a collection is known: which collection (one made anew under its name is another), which revision."""

    collection_pk: int
    revision: int


@dataclass(frozen=True, eq=False)
class ChangeSet:
    """What happened to a collection's faces up to `mark`.

    fresh: the whole content from the beginning, so drop what is held. Otherwise: since the mark that was asked about.
    dimension: D of the collection. added: the faces there are now and were not, in the order of their enrolment, at
    most SEGMENT_ROWS at a time, to be kept without a copy. removed: (R,) int64, numbers of faces that are gone; some
    may never have been seen, and an added face may have got the number of a removed one: remove first.
    """

    mark: Mark
    fresh: bool
    dimension: int
    added: Sequence[Rows]
    removed: Int64


def select_changes(connection: Connection, name: str, since: Mark | None) -> ChangeSet:
    """The changes of a collection after `since`. Raises: CollectionNotFound."""
    row = collection_row(connection, name)
    fresh = since is None or since.collection_pk != row.pk or since.revision > row.revision
    start = 0 if fresh or since is None else since.revision
    mark, nothing = Mark(row.pk, row.revision), np.empty(0, np.int64)
    if start == row.revision:
        return ChangeSet(mark, fresh, row.dimension, (), nothing)
    removed = nothing if fresh else _removed(connection, row.pk, start)
    return ChangeSet(mark, fresh, row.dimension, tuple(_added(connection, row, start)), removed)


def _added(connection: Connection, collection: Row[Any], start: int) -> Iterator[Rows]:
    """The faces enrolled after revision `start`, SEGMENT_ROWS at a time."""
    f = t.faces.c
    after = (f.collection_pk == collection.pk, f.revision > start)
    count = connection.execute(select(func.count()).where(*after)).scalar_one()
    statement = (
        select(f.pk, f.subject_pk, t.codes.c.codes)
        .outerjoin(t.codes, t.codes.c.face_pk == f.pk)
        .where(*after)
        .order_by(f.revision, f.subject_pk, f.pk)  # as in the index; a revision has one subject
    )
    result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)
    parts: Iterator[Sequence[Any]] = result.partitions()
    for first in range(0, count, SEGMENT_ROWS):
        segment = empty_rows(min(SEGMENT_ROWS, count - first), collection.dimension)
        for place in range(0, len(segment), ROWS_AT_ONCE):
            _fill(connection, segment, place, next(parts))
        yield segment


def _fill(connection: Connection, segment: Rows, start: int, some: Sequence[Any]) -> None:
    face_pks, subject_pks, blobs = zip(*some, strict=True)
    stop = start + len(some)
    segment.face_pks[start:stop], segment.subject_pks[start:stop] = face_pks, subject_pks
    if None in blobs:
        blobs = _coded_now(connection, face_pks, blobs)
    from_blobs(blobs, segment.codes.values.shape[1], segment.codes, start)


def _coded_now(connection: Connection, face_pks: Sequence[int], blobs: Sequence[bytes | None]) -> tuple[bytes, ...]:
    """The blobs, with codes made now where there are none: faces of a Vultus that was running during the upgrade."""
    e = t.embeddings
    missing = [pk for pk, blob in zip(face_pks, blobs, strict=True) if blob is None]
    rows = [r for some in in_chunks(missing) for r in connection.execute(select(e).where(e.c.face_pk.in_(some)))]
    made = dict(zip([r.face_pk for r in rows], to_blobs(quantise(np.stack([r.embedding for r in rows]))), strict=True))
    return tuple(made[pk] if blob is None else blob for pk, blob in zip(face_pks, blobs, strict=True))


def _removed(connection: Connection, collection_pk: int, start: int) -> Int64:
    r = t.removals.c
    statement = select(r.face_pk).where(r.collection_pk == collection_pk, r.revision > start)
    return np.array(connection.scalars(statement).all(), np.int64)
