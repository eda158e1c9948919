"""The faces that a search compares exactly: the database orders all by their halfvec, or asks the HNSW index.

A cosine with a halfvec is off by at most MARGIN. So of the faces read in falling order, those are enough after which no
other can be among the wanted subjects; where they are not, more are read. What the index leaves out, nobody knows: its
recall is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine.interfaces import DBAPICursor

from vultus.search.int8_codes import Probe, quantise
from vultus.search.rescoring import Shortlist
from vultus.search.segments import Block, Int64, Rows
from vultus.storage import tables as t
from vultus.storage.search_source import embeddings_of
from vultus.storage.vector_search.half_vectors import MARGIN, HalfVector
from vultus.storage.vector_search.hnsw_tables import CANDIDATES_PER_LINE, use_index
from vultus.storage.vector_search.vector_tables import State

FIRST_READ = 4096  # of its number and cosine only
GROWTH = 8
Float64 = NDArray[np.float64]
NEAREST = """
    SELECT v.face_pk, f.subject_pk, -v.distance, coalesce(t.term, 0) FROM
        (SELECT face_pk, {vector} <#> %(probe)b AS distance FROM search_vectors WHERE collection_pk = {pk}
            ORDER BY {vector} <#> %(probe)b LIMIT %(count)s) v
        JOIN faces f ON f.pk = v.face_pk LEFT JOIN search_terms t ON t.face_pk = v.face_pk
"""
CHOSEN = """
    SELECT f.pk, f.subject_pk, e.embedding, coalesce(t.term, 0) FROM faces f
        JOIN {embeddings} e ON e.face_pk = f.pk JOIN search_vectors v ON v.face_pk = f.pk
        LEFT JOIN search_terms t ON t.face_pk = f.pk
    WHERE f.pk IN (SELECT unnest(%(faces)s::bigint[]) UNION
        SELECT pk FROM faces WHERE collection_pk = {pk} AND subject_pk = ANY(%(subjects)s::bigint[]))
    ORDER BY f.pk
"""


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a search asks for. shortlists: of it, that have read nothing; the first is by cosine.

    subject: of whom all faces are candidates. ef: of the HNSW index to ask; None: all faces are compared. first_read:
    how many are read at first.
    """

    probe: Probe
    shortlists: Sequence[Shortlist]
    subject: int | None = None
    ef: int | None = None
    first_read: int = FIRST_READ


@dataclass(frozen=True, eq=False)
class Near:
    """Faces in no order: (N,) each. complete: these are all of the collection. least_term: of all."""

    face_pks: Int64
    subject_pks: Int64
    cosines: Float64
    terms: Float64
    complete: bool
    least_term: float

    def chosen(self, shortlist: Shortlist) -> tuple[NDArray[np.intp], bool]:
        """The faces that may be lines of this shortlist; and whether no face that was not read may be one."""
        if not len(self.cosines):
            return np.empty(0, np.intp), True
        values = self.cosines - shortlist.weight * self.terms if shortlist.weight else self.cosines
        order = np.argsort(-values, kind="stable")
        _, firsts = np.unique(self.subject_pks[order], return_index=True)
        firsts.sort()
        enough = len(firsts) >= shortlist.k
        floor = values[order[firsts[shortlist.k - 1]]] - 2 * MARGIN if enough else -np.inf
        others = self.cosines.min() - (shortlist.weight * self.least_term if shortlist.weight else 0.0)
        return np.flatnonzero(values >= floor), self.complete or (enough and bool(others <= floor))


def candidates(cursor: DBAPICursor, state: State, wanted: Wanted) -> tuple[Block, ...]:
    """One block of all faces that may be in the result, or none."""
    for near in _readings(cursor, state, wanted):
        found = [near.chosen(one) for one in wanted.shortlists]
        if wanted.ef is not None or all(complete for _, complete in found):
            break
    rows = np.unique(np.concatenate([chosen for chosen, _ in found]))
    subjects = set() if wanted.subject is None else {wanted.subject}
    if len(wanted.shortlists) > 1:  # of the subjects nearest by cosine, every face may be the best by its value
        subjects.update(near.subject_pks[found[0][0]].tolist())
    return _blocks(cursor, state, near.face_pks[rows].tolist(), sorted(subjects))


def _readings(cursor: DBAPICursor, state: State, wanted: Wanted) -> Iterator[Near]:
    """The nearest faces, each time more of them; those by the index once."""
    if wanted.ef is not None:
        use_index(cursor, wanted.ef)
        count = max(wanted.ef, CANDIDATES_PER_LINE * max(one.k for one in wanted.shortlists))
        yield _read(cursor, state, wanted.probe, f"vector::halfvec({state.dimension})", count)
        return
    count = wanted.first_read
    while True:
        near = _read(cursor, state, wanted.probe, "vector", count)
        yield near
        if near.complete:
            return
        count *= GROWTH


def _read(cursor: DBAPICursor, state: State, probe: Probe, vector: str, count: int) -> Near:
    statement = NEAREST.format(vector=vector, pk=state.mark.collection_pk)
    cursor.execute(statement, {"probe": HalfVector(probe.unit), "count": count})
    rows = cursor.fetchall()
    columns: Any = zip(*rows, strict=True) if rows else ((), (), (), ())
    pks, subjects, cosines, terms = columns
    return Near(
        np.array(pks, np.int64),
        np.array(subjects, np.int64),
        np.array(cosines, np.float64),
        np.array(terms, np.float64),
        len(rows) < count,
        state.least_term,
    )


def _blocks(cursor: DBAPICursor, state: State, faces: list[int], subjects: list[int]) -> tuple[Block, ...]:
    embeddings = t.SLOTS[t.slot_of(state.mark.space)][0].name
    statement = CHOSEN.format(embeddings=embeddings, pk=state.mark.collection_pk)
    cursor.execute(statement, {"faces": faces, "subjects": subjects})
    found = cursor.fetchall()
    if not found:
        return ()
    pks, owners, blobs, terms = zip(*found, strict=True)
    vectors = embeddings_of(blobs, state.dimension)
    rows = Rows(np.array(pks, np.int64), np.array(owners, np.int64), quantise(vectors), vectors)
    return (Block(rows, np.ones(len(rows), np.bool_), 0, terms=np.array(terms, np.float32)),)
