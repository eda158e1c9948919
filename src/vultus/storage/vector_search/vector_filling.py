"""Fills the vectors of a collection, and its terms, up to what is committed, some faces in each transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy.engine.interfaces import DBAPICursor

from vultus.search.cohort_terms import mixed
from vultus.search.source import Mark
from vultus.storage import tables as t
from vultus.storage.search_source import embeddings_of
from vultus.storage.vector_search.half_vectors import HalfVector
from vultus.storage.vector_search.hnsw_tables import drop_index
from vultus.storage.vector_search.term_filling import Terms, fill_terms
from vultus.storage.vector_search.vector_tables import (
    LAST_FACE,
    State,
    VectorDatabase,
    read_state,
    update_state,
    writing,
)

FACES_AT_ONCE = 2000
ADD_COLLECTION = """
    INSERT INTO search_collections (collection_pk, space) SELECT pk, space FROM collections WHERE name = %s
    ON CONFLICT DO NOTHING
"""
LOCK_COLLECTION = """
    SELECT 1 FROM search_collections WHERE collection_pk = (SELECT pk FROM collections WHERE name = %s) FOR UPDATE
"""
NEXT_FACES = """
    SELECT f.pk, f.revision, e.embedding FROM faces f JOIN {embeddings} e ON e.face_pk = f.pk
    WHERE f.collection_pk = %s AND f.revision >= %s AND (f.revision, f.pk) > (%s, %s)
    ORDER BY f.revision, f.pk LIMIT %s
"""
ADD_VECTORS = """
    INSERT INTO search_vectors (face_pk, collection_pk, place, vector)
    SELECT face_pk, %s, place, vector
    FROM unnest(%b::bigint[], %b::bigint[], %b::halfvec[]) AS u (face_pk, place, vector)
    ON CONFLICT DO NOTHING
"""
COUNTS = """
    SELECT count(DISTINCT f.subject_pk), count(*) FROM faces f WHERE f.collection_pk = %s
    AND NOT EXISTS (SELECT FROM unembedded u WHERE u.face_pk = f.pk AND u.slot = %s)
"""


def catch_up(database: VectorDatabase, name: str, terms: Terms | None, *, at_once: int = FACES_AT_ONCE) -> None:
    """Fill what is missing of a collection. terms: also those by its rule. Raises: CollectionNotFound, StorageFailed.

    at_once: faces in one transaction.

    Several may do this at once: each waits for the others' transactions, and goes on where they are.
    """
    wanted: Mark | None = None
    while True:
        with writing(database) as cursor:
            state = _locked(cursor, name)
            wanted = wanted or state.mark  # and no later one: others may enroll all the time
            if not state.is_filled(wanted):
                _fill(cursor, state, at_once)
            elif terms is not None and not state.has_terms(terms.rule.digest, wanted):
                fill_terms(cursor, state, terms, at_once)
            else:
                return


def _locked(cursor: DBAPICursor, name: str) -> State:
    """The state of a collection, which nobody else changes before the end of the transaction."""
    cursor.execute(ADD_COLLECTION, [name])
    cursor.execute(LOCK_COLLECTION, [name])
    return read_state(cursor, name)


def _fill(cursor: DBAPICursor, state: State, at_once: int) -> None:
    pk, start = state.mark.collection_pk, (state.filled_revision, state.filled_face)
    if state.space != state.mark.space:
        start = (0, 0)
        _begin_again(cursor, state)
    slot = t.slot_of(state.mark.space)
    cursor.execute(NEXT_FACES.format(embeddings=t.SLOTS[slot][0].name), [pk, start[0], *start, at_once])
    rows = cursor.fetchall()
    _add(cursor, state, rows)
    reached = max([start, *(row[:2][::-1] for row in rows[-1:])])
    if len(rows) < at_once:
        reached = max(reached, (state.mark.revision, LAST_FACE))
        cursor.execute(COUNTS, [pk, slot])
        ((subjects, faces),) = cursor.fetchall()
        update_state(cursor, pk, subjects=subjects, faces=faces)
    update_state(cursor, pk, filled_revision=reached[0], filled_face=reached[1])


def _begin_again(cursor: DBAPICursor, state: State) -> None:
    """The collection was switched to another space: its vectors are of another model."""
    pk = state.mark.collection_pk
    drop_index(cursor, pk)
    cursor.execute("DELETE FROM search_vectors WHERE collection_pk = %s", [pk])
    unknown: dict[str, Any] = dict.fromkeys(("rule", "recall_mated", "recall_non_mated", "ef_search"))
    update_state(cursor, pk, space=state.mark.space, terms_revision=0, terms_face=0, measured_faces=0, **unknown)


def _add(cursor: DBAPICursor, state: State, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    pks, _, blobs = zip(*rows, strict=True)
    vectors = [HalfVector(row) for row in embeddings_of(blobs, state.dimension)]
    places = (mixed(np.array(pks, np.int64)) ^ np.uint64(2**63)).view(np.int64)  # in the order of the hashes
    cursor.execute(ADD_VECTORS, [state.mark.collection_pk, list(pks), places.tolist(), vectors])
