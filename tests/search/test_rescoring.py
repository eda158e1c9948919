"""Rescoring: the shortlist is as long as needed, and no more of it is read than needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.storage.synthetic import rows_of, unit
from vultus.records.seen import Float32
from vultus.search.int8_codes import as_probe
from vultus.search.kernels import numpy_products
from vultus.search.rescoring import FIRST_READ, ExactCosines, ReadEmbeddings, Shortlist, rescore, tops_of
from vultus.search.segments import Block, Int64
from vultus.search.source import StoredEmbeddings


def block_of(subject_pks: Sequence[int], embeddings: Float32, first_pk: int = 1) -> Block:
    rows = rows_of(range(first_pk, first_pk + len(embeddings)), subject_pks, embeddings)
    return Block(rows, np.ones(len(rows), np.bool_), 0)


def considered(shortlist: Shortlist, *blocks: Block) -> Shortlist:
    for block in blocks:
        (products,) = numpy_products(shortlist.probe.values[None, :], block.rows.codes.values)
        shortlist.consider(block, tops_of(shortlist.probe, block, products))
    return shortlist


def at_cosines(cosines: Sequence[float]) -> Float32:
    """Rows (cosine, sine, 0, 0, ...): as similar to the first axis as told."""
    rows = np.zeros((len(cosines), 8), np.float32)
    rows[:, 0], rows[:, 1] = cosines, np.sqrt(1 - np.square(cosines))
    return rows


def first_axis() -> np.ndarray:
    return np.eye(8)[0]


def test_the_faces_with_the_highest_tops_are_kept():
    crowd = block_of(range(500), at_cosines(np.linspace(0, 0.99, 500)))
    kept = considered(Shortlist(as_probe(first_axis()), 2), crowd)
    assert set(range(485, 501)) <= set(kept.face_pks.tolist())  # eight for each line
    assert kept.tops.min() >= kept.limit > 0.8


def test_what_comes_later_is_measured_by_what_came_before():
    good = block_of(range(30), at_cosines(np.linspace(0.8, 0.9, 30)))
    bad = block_of(range(30, 1030), at_cosines(np.linspace(-0.5, 0.7, 1000)), 31)
    kept = considered(Shortlist(as_probe(first_axis()), 3), good, bad)
    assert kept.face_pks.max() <= 30


def test_those_with_the_lowest_tops_are_left_out_when_they_become_many():
    blocks = [block_of(range(20), at_cosines(np.full(20, 0.1 * n)), 20 * n + 1) for n in range(8)]
    kept = considered(Shortlist(as_probe(first_axis()), 2), *blocks)
    assert set(range(141, 161)) <= set(kept.face_pks.tolist())
    assert len(kept.face_pks) <= 64


def test_a_block_of_dead_rows_adds_nothing():
    alive = block_of([1, 2], at_cosines([0.5, 0.6]))
    dead = Block(alive.rows, np.zeros(2, np.bool_), 2)
    assert len(considered(Shortlist(as_probe(first_axis()), 3), dead).face_pks) == 0


def test_a_list_of_one_subject_is_too_short_until_it_is_widened():
    """The nearest 40 faces are of one subject, so that the second is not among the sixteen kept first."""
    rows = np.concatenate([at_cosines(np.linspace(0.9, 0.99, 40)), at_cosines(np.linspace(-0.5, 0.5, 100))])
    block, shortlist = block_of([1] * 40 + [*range(2, 102)], rows), Shortlist(as_probe(first_axis()), 2)
    cosines = ExactCosines(shortlist.probe, reader(rows, []), lambda pks: {})
    assert rescore(considered(shortlist, block), cosines) is None
    shortlist.widen()
    found = rescore(considered(shortlist, block), cosines)
    assert found is not None
    assert [line.face_pk for line in found] == [40, 140]


def reader(embeddings: Float32, asked: list[int]) -> ReadEmbeddings:
    def read(pks: Int64, places: Int64) -> StoredEmbeddings:
        asked.extend(pks.tolist())
        return StoredEmbeddings(pks.tolist(), embeddings[places])

    return read


def test_faces_are_read_only_while_they_can_change_the_result():
    """200 subjects: all are kept, and all but those of the first reading are then ruled out."""
    probe = as_probe(unit(1, 8).astype(np.float64))
    embeddings = np.stack([unit(1, 8)] * 5 + [unit(n, 8) for n in range(2, 200)])
    asked: list[int] = []
    shortlist = considered(Shortlist(probe, 203), block_of(range(len(embeddings)), embeddings))
    assert len(shortlist.face_pks) == len(embeddings)  # fewer subjects than asked for: nobody is ruled out
    shortlist.k, cosines = 5, ExactCosines(probe, reader(embeddings, asked), lambda pks: {})
    found = rescore(shortlist, cosines)
    assert found is not None
    assert (cosines.complete, [line.face_pk for line in found]) == (True, [1, 2, 3, 4, 5])
    assert len(asked) == FIRST_READ
