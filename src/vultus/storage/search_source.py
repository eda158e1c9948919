"""SQL behind `SearchSource`: the changes of a collection's faces after a mark, and stored embeddings."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Select, Table, bindparam, case, func, select

from vultus.records.seen import Float32
from vultus.search.int8_codes import empty_codes, from_blobs, quantise, to_blobs
from vultus.search.segments import SEGMENT_ROWS, Int64, Rows, empty_rows
from vultus.search.source import ChangeSet, Mark, StoredEmbeddings
from vultus.storage import tables as t
from vultus.storage.collections import collection_row
from vultus.storage.faces import sound_embedding
from vultus.storage.sealing.seals import ADVICE, sound
from vultus.storage.subjects import in_chunks

log = logging.getLogger(__name__)
ROWS_AT_ONCE = 4096


def select_changes(connection: Connection, name: str, since: Mark | None) -> ChangeSet:
    """The changes of a collection after `since`. Raises: CollectionNotFound."""
    row = collection_row(connection, name)
    mark, none = Mark(row.pk, row.revision, row.space), np.empty(0, np.int64)
    fresh = since is None or not mark.follows(since)
    start = 0 if fresh or since is None else since.revision
    if start == row.revision:
        return ChangeSet(mark, fresh, row.dimension, (), none)
    removed = none if fresh else _removed(connection, row.pk, start)
    return ChangeSet(mark, fresh, row.dimension, tuple(_added(connection, row, start)), removed)


def _added(connection: Connection, collection: Row[Any], start: int) -> Iterator[Rows]:
    """The faces enrolled after revision `start`, SEGMENT_ROWS at a time."""
    f, slot = t.faces.c, t.slot_of(collection.space)
    left_out = select(t.unembedded.c.face_pk).where(t.unembedded.c.slot == slot)
    after = (f.collection_pk == collection.pk, f.revision > start, f.pk.not_in(left_out))
    count = connection.execute(select(func.count()).where(*after)).scalar_one()
    embeddings, codes = t.SLOTS[slot]
    statement = (
        select(f.pk, f.subject_pk, case((sound(codes), codes.c.codes)))
        .outerjoin(codes, codes.c.face_pk == f.pk)
        .where(*after)
        .order_by(f.revision, f.subject_pk, f.pk)  # as in the index; a revision has one subject
    )
    result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)
    parts: Iterator[Sequence[Any]] = result.partitions()
    for first in range(0, count, SEGMENT_ROWS):
        segment = empty_rows(min(SEGMENT_ROWS, count - first), collection.dimension)
        for place in range(0, len(segment), ROWS_AT_ONCE):
            _fill(connection, segment, place, next(parts), embeddings)
        yield segment


def _fill(connection: Connection, segment: Rows, start: int, some: Sequence[Any], embeddings: Table) -> None:
    face_pks, subject_pks, blobs = zip(*some, strict=True)
    stop = start + len(some)
    segment.face_pks[start:stop], segment.subject_pks[start:stop] = face_pks, subject_pks
    if None in blobs:
        blank = bytes(len(to_blobs(empty_codes(1, segment.codes.values.shape[1]))[0]))
        blobs = _with_missing_codes(connection, face_pks, blobs, embeddings, blank)
    from_blobs(blobs, segment.codes.values.shape[1], segment.codes, start)


def _with_missing_codes(
    connection: Connection,
    face_pks: Sequence[int],
    blobs: Sequence[bytes | None],
    embeddings: Table,
    blank: bytes,
) -> tuple[bytes, ...]:
    """The blobs, with codes computed now where none are stored that match their seal.

    A server of an older release stored none. A face whose embedding does not match its seal either gets codes of zeros,
    so that it is like nobody.
    """
    e = embeddings
    missing = [pk for pk, blob in zip(face_pks, blobs, strict=True) if blob is None]
    rows = [
        row
        for some in in_chunks(missing)
        for row in connection.execute(select(e).where(e.c.face_pk.in_(some), sound(e)))
    ]
    if len(rows) < len(missing):
        log.error(
            "%d stored embeddings do not match their seal and are not searched; %s", len(missing) - len(rows), ADVICE
        )
    made = dict(zip([row.face_pk for row in rows], _blobs([row.embedding for row in rows]), strict=True))
    return tuple(made.get(pk, blank) if blob is None else blob for pk, blob in zip(face_pks, blobs, strict=True))


def _blobs(vectors: Sequence[Float32]) -> Sequence[bytes]:
    return to_blobs(quantise(np.stack(vectors))) if vectors else ()


def _removed(connection: Connection, collection_pk: int, start: int) -> Int64:
    r = t.removals.c
    statement = select(r.face_pk).where(r.collection_pk == collection_pk, r.revision > start)
    return np.array(connection.scalars(statement).all(), np.int64)


def select_stored_embeddings(connection: Connection, mark: Mark, face_pks: Sequence[int]) -> StoredEmbeddings:
    """Those of the faces that were there at `mark` and still are, in any order.

    A number can have gone to another face since: that one has a later revision, or another collection. Left out, and
    logged, are those that were changed from outside: no decision rests on them.
    """
    statement = _STORED_EMBEDDINGS[t.slot_of(mark.space)]
    found = [row for some in in_chunks(face_pks) for row in connection.execute(statement, {"pks": some})]
    # Filtered here: as a WHERE condition, SQLite goes through all faces of the collection, 60 times slower.
    # Another space by now: its slot may be in use for embeddings of another model.
    wanted = (mark.collection_pk, mark.space)
    for row in found:
        if row.embedding is None:
            log.error("face %s does not match its seal and is not searched; %s", row.id, ADVICE)
    found = [row for row in found if row.embedding is not None]
    known = [row[:4] for row in found if (row.collection_pk, row.space) == wanted and row.revision <= mark.revision]
    pks, ids, owners, vectors = zip(*known, strict=True) if known else ((), (), (), ())
    return StoredEmbeddings(pks, ids, owners, np.array(vectors, np.float32))


def _stored_embeddings(embeddings: Table) -> Select[Any]:
    f, c = t.faces.c, t.collections.c
    return (
        select(f.pk, f.id, t.subjects.c.id.label("subject"), sound_embedding(embeddings, t.faces, t.subjects))
        .add_columns(f.collection_pk, f.revision, c.space)
        .join(t.subjects, t.subjects.c.pk == f.subject_pk)
        .join(t.collections, c.pk == f.collection_pk)
        .join(embeddings, embeddings.c.face_pk == f.pk)
        .where(f.pk.in_(bindparam("pks", expanding=True)))
    )


# Made once: making one takes as long as running it.
_STORED_EMBEDDINGS = [_stored_embeddings(embeddings) for embeddings, _ in t.SLOTS]
