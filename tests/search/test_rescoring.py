"""Rescoring: the shortlist is no longer than needed, and no more of it is fetched than needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.storage.synthetic import rows_of, unit
from vultus.records.seen import Float32
from vultus.search.int8_codes import as_probe
from vultus.search.kernels import numpy_products
from vultus.search.rescoring import FIRST_FETCH, ExactCosines, Shortlist, rescore
from vultus.search.segments import Block
from vultus.search.source import StoredEmbeddings


def block_of(subject_pks: Sequence[int], embeddings: Float32, first_pk: int = 1) -> Block:
    rows = rows_of(range(first_pk, first_pk + len(embeddings)), subject_pks, embeddings)
    return Block(rows, np.ones(len(rows), np.bool_), 0)


def considered(shortlist: Shortlist, *blocks: Block) -> Shortlist:
    for block in blocks:
        (products,) = numpy_products(shortlist.probe.values[None, :], block.rows.codes.values)
        shortlist.consider(block, products)
    return shortlist


def at_cosines(cosines: Sequence[float]) -> Float32:
    """Rows (cosine, sine, 0, 0, ...): as similar to the first axis as told."""
    rows = np.zeros((len(cosines), 8), np.float32)
    rows[:, 0], rows[:, 1] = cosines, np.sqrt(1 - np.square(cosines))
    return rows


def first_axis() -> np.ndarray:
    return np.eye(8)[0]


def test_the_worse_faces_of_a_subject_are_not_kept():
    """Two subjects are asked for, and the second is far: that alone would keep the whole crowd of the first."""
    crowd = block_of([1] * 500, at_cosines(np.linspace(0, 0.99, 500)))
    far = block_of([2], at_cosines([-0.5]), 501)
    kept = considered(Shortlist(as_probe(first_axis()), 2), crowd, far)
    assert 501 in kept.face_pks
    assert kept.face_pks.min() > 450  # cosines above 0.89
    assert len(kept.face_pks) < 30


def test_what_comes_later_is_measured_by_what_came_before():
    good = block_of(range(10), at_cosines(np.linspace(0.8, 0.9, 10)))
    bad = block_of(range(10, 1010), at_cosines(np.linspace(-0.5, 0.7, 1000)), 11)
    kept = considered(Shortlist(as_probe(first_axis()), 3), good, bad)
    assert kept.face_pks.max() <= 10


def test_a_block_of_dead_rows_adds_nothing():
    alive = block_of([1, 2], at_cosines([0.5, 0.6]))
    dead = Block(alive.rows, np.zeros(2, np.bool_), 2)
    assert len(considered(Shortlist(as_probe(first_axis()), 3), dead).face_pks) == 0


def test_faces_are_fetched_only_while_they_can_change_the_result():
    """200 subjects, equal for the codes: all are kept, and all but those of the first look-up are then ruled out."""
    probe = as_probe(unit(1, 8).astype(np.float64))
    embeddings = np.stack([unit(1, 8)] * 5 + [unit(n, 8) for n in range(2, 200)])
    asked: list[int] = []

    def fetch(pks: Sequence[int]) -> StoredEmbeddings:
        asked.extend(pks)
        names = [str(pk) for pk in pks]
        return StoredEmbeddings(pks, names, names, embeddings[np.array(pks) - 1])

    shortlist = considered(Shortlist(probe, 203), block_of(range(len(embeddings)), embeddings))
    assert len(shortlist.face_pks) == len(embeddings)  # fewer subjects than asked for: nobody is ruled out
    shortlist.k, cosines = 5, ExactCosines(probe, fetch)
    found = rescore(shortlist, cosines)
    assert (cosines.complete, [line.face_id for line in found]) == (True, ["1", "2", "3", "4", "5"])
    assert len(asked) == FIRST_FETCH
