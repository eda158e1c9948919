"""SQL behind `SearchSource`: the changes of a collection's faces after a mark, and stored embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, bindparam, func, select

from vultus.search.int8_codes import from_blobs, quantise, to_blobs
from vultus.search.segments import SEGMENT_ROWS, Int64, Rows, empty_rows
from vultus.search.source import ChangeSet, Mark, StoredEmbeddings
from vultus.storage import tables as t
from vultus.storage.collections import collection_row
from vultus.storage.subjects import in_chunks
from vultus.storage.tables import embeddings, faces, subjects

ROWS_AT_ONCE = 4096


def select_changes(connection: Connection, name: str, since: Mark | None) -> ChangeSet:
    """The changes of a collection after `since`. Raises: CollectionNotFound."""
    row = collection_row(connection, name)
    fresh = since is None or since.collection_pk != row.pk or since.revision > row.revision
    start = 0 if fresh or since is None else since.revision
    mark, none = Mark(row.pk, row.revision), np.empty(0, np.int64)
    if start == row.revision:
        return ChangeSet(mark, fresh, row.dimension, (), none)
    removed = none if fresh else _removed(connection, row.pk, start)
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
        blobs = _with_missing_codes(connection, face_pks, blobs)
    from_blobs(blobs, segment.codes.values.shape[1], segment.codes, start)


def _with_missing_codes(
    connection: Connection, face_pks: Sequence[int], blobs: Sequence[bytes | None]
) -> tuple[bytes, ...]:
    """The blobs, with codes computed now where there are none: a server of an older release enrolled these faces."""
    e = t.embeddings
    missing = [pk for pk, blob in zip(face_pks, blobs, strict=True) if blob is None]
    rows = [r for some in in_chunks(missing) for r in connection.execute(select(e).where(e.c.face_pk.in_(some)))]
    made = dict(zip([r.face_pk for r in rows], to_blobs(quantise(np.stack([r.embedding for r in rows]))), strict=True))
    return tuple(made[pk] if blob is None else blob for pk, blob in zip(face_pks, blobs, strict=True))


def _removed(connection: Connection, collection_pk: int, start: int) -> Int64:
    r = t.removals.c
    statement = select(r.face_pk).where(r.collection_pk == collection_pk, r.revision > start)
    return np.array(connection.scalars(statement).all(), np.int64)


def select_stored_embeddings(connection: Connection, mark: Mark, face_pks: Sequence[int]) -> StoredEmbeddings:
    """Those of the faces that were there at `mark` and still are, in any order.

    A number can have gone to another face since: that one has a later revision, or another collection.
    """
    found = [row for some in in_chunks(face_pks) for row in connection.execute(_STORED_EMBEDDINGS, {"pks": some})]
    # Filtered here: as a WHERE condition, SQLite goes through all faces of the collection, 60 times slower.
    known = [row[:4] for row in found if row.collection_pk == mark.collection_pk and row.revision <= mark.revision]
    pks, ids, owners, vectors = zip(*known, strict=True) if known else ((), (), (), ())
    return StoredEmbeddings(pks, ids, owners, np.array(vectors, np.float32))


_STORED_EMBEDDINGS = (  # made once: making it takes as long as running it
    select(faces.c.pk, faces.c.id, subjects.c.id, embeddings.c.embedding, faces.c.collection_pk, faces.c.revision)
    .join(subjects, subjects.c.pk == faces.c.subject_pk)
    .join(embeddings, embeddings.c.face_pk == faces.c.pk)
    .where(faces.c.pk.in_(bindparam("pks", expanding=True)))
)
