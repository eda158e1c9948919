"""Fills the terms of enrolled faces: of new ones when they are searched first, of the others when enough has changed.

A face enrolled later may be among the nearest of one that has its term already. In memory that term follows at once;
here it would mean to compare all faces with each new one. So in a collection of more than SMALL_FACES it is computed
again once the faces that came and went are a share of all, STALE_SHARE; how many did is known, and said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.engine.interfaces import DBAPICursor

from vultus.records.seen import Float32
from vultus.search.batch_terms import CohortSample
from vultus.search.cohort import CohortRule
from vultus.search.cohort_terms import COHORT_FACES
from vultus.search.int8_codes import from_blobs, quantise
from vultus.search.kernels import Kernel
from vultus.search.segments import Rows, empty_rows
from vultus.storage import tables as t
from vultus.storage.search_source import embeddings_of
from vultus.storage.vector_search.vector_tables import (
    LAST_FACE,
    State,
    VectorDatabase,
    read_state,
    update_state,
    writing,
)

FACES_AT_ONCE = 2048
STALE_SHARE, SMALL_FACES = 0.05, 1024
NEXT_FACES = """
    SELECT f.pk, f.subject_pk, e.embedding, f.revision FROM faces f JOIN {embeddings} e ON e.face_pk = f.pk
    WHERE f.collection_pk = %s AND f.revision >= %s AND (f.revision, f.pk) > (%s, %s)
    ORDER BY f.revision, f.pk LIMIT %s
"""
CODES = """
    SELECT f.pk, f.subject_pk, c.codes FROM
        (SELECT face_pk, place FROM search_vectors WHERE collection_pk = %s ORDER BY place LIMIT %s) v
        JOIN faces f ON f.pk = v.face_pk LEFT JOIN {codes} c ON c.face_pk = v.face_pk ORDER BY v.place
"""
COHORT = """
    SELECT f.pk, f.subject_pk, e.embedding FROM
        (SELECT face_pk, place FROM search_vectors WHERE collection_pk = %s ORDER BY place LIMIT %s) v
        JOIN faces f ON f.pk = v.face_pk JOIN {embeddings} e ON e.face_pk = v.face_pk ORDER BY v.place
"""
PUT_TERMS = """
    INSERT INTO search_terms AS old (face_pk, term)
    SELECT face_pk, u.term
    FROM unnest(%b::bigint[], %b::real[]) AS u (face_pk, term) JOIN search_vectors USING (face_pk)
    ON CONFLICT (face_pk) DO UPDATE SET term = excluded.term WHERE old.term <> excluded.term
"""
CHANGED = """
    SELECT (SELECT count(*) FROM faces WHERE collection_pk = %(pk)s AND revision > %(since)s)
        + (SELECT count(*) FROM removals WHERE collection_pk = %(pk)s AND revision > %(since)s)
"""
LEAST = """
    SELECT coalesce(min(term), 0) FROM search_terms JOIN search_vectors USING (face_pk) WHERE collection_pk = %s
"""


@dataclass
class Terms:
    """Computes terms by a rule; the cohort is read once, when it is first needed."""

    rule: CohortRule
    kernel: Kernel
    cohort_faces: int = COHORT_FACES
    _cohort: CohortSample | None = None

    def of(self, cursor: DBAPICursor, state: State, rows: Rows) -> Float32:
        """(N,) float32."""
        if self._cohort is None:
            self._cohort = CohortSample(self.rule, self.kernel, _cohort(cursor, state, self.cohort_faces))
        return self._cohort.terms(rows)


def sample_of(cursor: DBAPICursor, state: State) -> Float32:
    """The embeddings of the cohort, (N, D) float32."""
    cursor.execute(COHORT.format(embeddings=_embeddings(state)), [state.mark.collection_pk, COHORT_FACES])
    return embeddings_of([row[2] for row in cursor.fetchall()], state.dimension)


def fill_terms(cursor: DBAPICursor, state: State, terms: Terms, at_once: int = FACES_AT_ONCE) -> None:
    """Some of the terms that are missing; all vectors are there. The caller has locked the state."""
    pk, start = state.mark.collection_pk, (state.terms_revision, state.terms_face)
    if state.rule != terms.rule.digest:  # none yet, or by another rule
        start, cohort_revision = (0, 0), state.mark.revision
        update_state(cursor, pk, rule=terms.rule.digest, cohort_revision=cohort_revision, least_term=float("inf"))
    else:
        cohort_revision = state.cohort_revision
    reached = _put_next(cursor, state, terms, start, at_once)
    update_state(cursor, pk, terms_revision=reached[0], terms_face=reached[1])
    if reached[1] == LAST_FACE:
        cursor.execute(CHANGED, {"pk": pk, "since": cohort_revision})
        ((changed,),) = cursor.fetchall()
        update_state(cursor, pk, changed_since=changed)


def is_stale(state: State) -> bool:
    """Whether so much has changed that all terms are to be computed again."""
    return state.rule is not None and state.changed_since > STALE_SHARE * state.faces


def refresh_terms(database: VectorDatabase, name: str, terms: Terms) -> None:
    """Compute all terms of a collection again. Raises: CollectionNotFound, StorageFailed."""
    begun, reached = None, (0, 0)
    while reached[1] != LAST_FACE:
        with writing(database) as cursor:
            state = read_state(cursor, name)
            begun = begun or state
            if (state.rule, state.mark.space) != (terms.rule.digest, begun.mark.space) or not state.is_filled():
                return  # the next search begins anew, or fills first
            reached = _put_next(cursor, state, terms, reached, FACES_AT_ONCE)
            if reached[1] == LAST_FACE:
                _end_refresh(cursor, state.mark.collection_pk, begun.mark.revision)


def _end_refresh(cursor: DBAPICursor, pk: int, since: int) -> None:
    cursor.execute(LEAST, [pk])
    ((least,),) = cursor.fetchall()
    cursor.execute(CHANGED, {"pk": pk, "since": since})
    ((changed,),) = cursor.fetchall()
    update_state(cursor, pk, least_term=least, cohort_revision=since, changed_since=changed)


def _put_next(cursor: DBAPICursor, state: State, terms: Terms, start: tuple[int, int], at_once: int) -> tuple[int, int]:
    """Store the terms of the faces that follow in the order of (revision, number); up to where."""
    statement = NEXT_FACES.format(embeddings=_embeddings(state))
    cursor.execute(statement, [state.mark.collection_pk, start[0], *start, at_once])
    found = cursor.fetchall()
    if found:
        rows = _rows_of(found, state)
        values = terms.of(cursor, state, rows)
        cursor.execute(PUT_TERMS, [rows.face_pks.tolist(), values.tolist()])
        statement = "UPDATE search_collections SET least_term = least(least_term, %s::real) WHERE collection_pk = %s"
        cursor.execute(statement, [float(values.min()), state.mark.collection_pk])
    reached = max([start, *((row[3], row[0]) for row in found[-1:])])
    return reached if len(found) == at_once else max(reached, (state.mark.revision, LAST_FACE))


def _cohort(cursor: DBAPICursor, state: State, faces: int) -> Rows:
    """By the stored codes, a quarter of the bytes of the embeddings; by these where a face has none."""
    codes = t.SLOTS[t.slot_of(state.mark.space)][1].name
    cursor.execute(CODES.format(codes=codes), [state.mark.collection_pk, faces])
    found = cursor.fetchall()
    if any(row[2] is None for row in found):
        cursor.execute(COHORT.format(embeddings=_embeddings(state)), [state.mark.collection_pk, faces])
        return _rows_of(cursor.fetchall(), state)
    rows = empty_rows(len(found), state.dimension)
    rows.face_pks[:], rows.subject_pks[:] = ([row[column] for row in found] for column in (0, 1))
    from_blobs([row[2] for row in found], state.dimension, rows.codes, 0)
    return rows


def _rows_of(found: Any, state: State) -> Rows:
    """Rows whose first columns are number, subject and embedding."""
    pks, subjects = (np.array([row[column] for row in found], np.int64) for column in (0, 1))
    return Rows(pks, subjects, quantise(embeddings_of([row[2] for row in found], state.dimension)))


def _embeddings(state: State) -> str:
    return t.SLOTS[t.slot_of(state.mark.space)][0].name
