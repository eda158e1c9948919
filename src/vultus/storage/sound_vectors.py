"""Is each embedding what its collection needs, and are its search codes made from it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from vultus.search.int8_codes import empty_codes, from_blobs, quantise, to_blobs
from vultus.storage import tables as t
from vultus.storage.faces import LENGTH_TOLERANCE

ROWS_AT_ONCE = 2048
ERROR_TOLERANCE = 1e-4  # of the remembered rounding error, which processors sum up differently


def unsound_vectors(connection: Connection) -> tuple[list[str], list[str]]:
    """The ids of faces whose embedding is damaged, and of those whose codes are not of their embedding."""
    damaged: list[str] = []
    miscoded: list[str] = []
    for rows in _embedded(connection).partitions(ROWS_AT_ONCE):
        good = [row for row in rows if _is_unit(row)]
        damaged += [row.id for row in rows if not _is_unit(row)]
        coded = (row for row in good if row.codes is not None)  # None: the search makes them
        for dimension, some in groupby(coded, key=lambda row: row.dimension):
            miscoded += _miscoded(list(some), dimension)
    return damaged, miscoded


def _embedded(connection: Connection) -> Any:
    f, e = t.faces, t.embeddings
    statement = (
        select(f.c.id, e.c.embedding, t.codes.c.codes, t.collections.c.dimension)
        .join(e, e.c.face_pk == f.c.pk)
        .join(t.collections, t.collections.c.pk == f.c.collection_pk)
        .outerjoin(t.codes, t.codes.c.face_pk == f.c.pk)
        .order_by(f.c.pk)
    )
    return connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)


def _is_unit(row: Row[Any]) -> bool:
    vector: NDArray[np.float32] = row.embedding
    return len(vector) == row.dimension and abs(float(np.linalg.norm(vector)) - 1) <= LENGTH_TOLERANCE


def _miscoded(rows: Sequence[Row[Any]], dimension: int) -> Iterator[str]:
    wanted = quantise(np.stack([row.embedding for row in rows]))
    length = len(to_blobs(wanted)[0])
    yield from (row.id for row in rows if len(row.codes) != length)
    held, blank = empty_codes(len(rows), dimension), bytes(length)
    from_blobs([row.codes if len(row.codes) == length else blank for row in rows], dimension, held, 0)
    same = (held.values == wanted.values).all(axis=1) & (held.scales == wanted.scales)
    same &= np.abs(held.errors - wanted.errors) <= ERROR_TOLERANCE
    yield from (row.id for row, fits in zip(rows, same, strict=True) if not fits and len(row.codes) == length)
