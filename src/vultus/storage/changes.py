"""What a search index pulls: the changes of a collection's faces after a mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from vultus.records import Float32
from vultus.storage import tables as t
from vultus.storage.collections import collection_row

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
    face_ids, subjects: of the faces added, in the order of their embeddings, (N, D) float32, writable.
    removed: ids of faces that are gone; some may never have been seen.
    """

    mark: Mark
    fresh: bool
    face_ids: Sequence[str]
    subjects: Sequence[str]
    embeddings: Float32
    removed: Sequence[str]


def select_changes(connection: Connection, name: str, since: Mark | None) -> ChangeSet:
    """The changes of a collection after `since`. Raises: CollectionNotFound."""
    row = collection_row(connection, name)
    fresh = since is None or since.collection_pk != row.pk or since.revision > row.revision
    start = 0 if fresh or since is None else since.revision
    if start == row.revision:
        return ChangeSet(Mark(row.pk, start), fresh, (), (), np.empty((0, row.dimension), np.float32), ())
    ids, subjects, vectors = _added(connection, row, start)
    removed = () if fresh else _removed(connection, row.pk, start)
    return ChangeSet(Mark(row.pk, row.revision), fresh, ids, subjects, vectors, removed)


def _added(connection: Connection, collection: Row[Any], start: int) -> tuple[list[str], list[str], Float32]:
    f = t.faces.c
    after = (f.collection_pk == collection.pk, f.revision > start)
    count = connection.execute(select(func.count()).where(*after)).scalar_one()
    statement = (
        select(f.id, t.subjects.c.id, t.embeddings.c.embedding)
        .join(t.subjects, t.subjects.c.pk == f.subject_pk)
        .join(t.embeddings, t.embeddings.c.face_pk == f.pk)
        .where(*after)
        .order_by(f.revision, f.pk)
    )
    ids: list[str] = []
    subjects: list[str] = []
    vectors = np.empty((count, collection.dimension), np.float32)
    for rows in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement).partitions():
        some_ids, some_subjects, some_vectors = zip(*rows, strict=True)
        np.stack(some_vectors, out=vectors[len(ids) : len(ids) + len(some_ids)])
        ids.extend(some_ids)
        subjects.extend(some_subjects)
    return ids, subjects, vectors


def _removed(connection: Connection, collection_pk: int, start: int) -> tuple[str, ...]:
    r = t.removals.c
    statement = select(r.face_id).where(r.collection_pk == collection_pk, r.revision > start)
    return tuple(connection.scalars(statement))
