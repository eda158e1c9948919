"""The flat index: exact against brute force, whatever came and went before."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.storage.made import DIMENSION, MODEL, new_face, unit
from vultus.errors import CollectionNotFound, StorageFailed, VectorMismatch
from vultus.records import Candidate, Float32
from vultus.storage.changes import ChangeSet, Mark
from vultus.storage.search import FlatIndex

Rows = list[tuple[str, str, Float32]]  # face id, subject, embedding


def brute_force(rows: Rows, probe: Float32, k: int) -> list[Candidate]:
    best: dict[str, Candidate] = {}
    for face_id, subject, embedding in rows:
        similarity = float(embedding @ (probe / np.linalg.norm(probe)))
        if subject not in best or similarity > best[subject].similarity:
            best[subject] = Candidate(subject, face_id, similarity)
    return sorted(best.values(), key=lambda line: -line.similarity)[:k]


def assert_same(found: Sequence[Candidate], wanted: Sequence[Candidate]) -> None:
    """Equal up to rounding, and to the order of those that are equal but for rounding."""
    assert len(found) == len(wanted)
    assert len({line.subject for line in found}) == len(found)
    ours, theirs = [line.similarity for line in found], [line.similarity for line in wanted]
    assert ours == sorted(ours, reverse=True)
    assert np.allclose(ours, theirs, atol=1e-5)
    clear = [n for n, s in enumerate(theirs) if all(abs(s - t) > 1e-4 for m, t in enumerate(theirs) if m != n)]
    inner = [n for n in clear if n + 1 < len(theirs)]  # the last may tie with one that is not listed
    assert [found[n].subject for n in inner] == [wanted[n].subject for n in inner]


class Made:
    """A gallery of one collection in memory, for what SQLite would make slow."""

    def __init__(self) -> None:
        self.revision, self.pk = 0, 1
        self.added: list[tuple[int, str, str, Float32]] = []
        self.removed: list[tuple[int, str]] = []

    def add(self, subject: str, *embeddings: Float32) -> list[str]:
        self.revision += 1
        ids = [
            f"face {len(self.added) + len(self.removed) + n} of revision {self.revision}"
            for n in range(len(embeddings))
        ]
        self.added += [(self.revision, face, subject, row) for face, row in zip(ids, embeddings, strict=True)]
        return ids

    def remove(self, *face_ids: str) -> None:
        self.revision += 1
        self.added = [row for row in self.added if row[1] not in face_ids]
        self.removed += [(self.revision, face_id) for face_id in face_ids]

    def rows(self) -> Rows:
        return [row[1:] for row in self.added]

    def changes_since(self, collection: str, since: Mark | None) -> ChangeSet:
        fresh = since is None or since.collection_pk != self.pk
        start = 0 if fresh or since is None else since.revision
        new = [row for row in self.added if row[0] > start]
        vectors = np.array([row[3] for row in new], np.float32).reshape(len(new), DIMENSION)
        gone = [] if fresh else [face for revision, face in self.removed if revision > start]
        mark = Mark(self.pk, self.revision)
        return ChangeSet(mark, fresh, [row[1] for row in new], [row[2] for row in new], vectors, gone)


class AnyOrder(RuleBasedStateMachine):
    """Faces come and go in any order, with searches in between."""

    def __init__(self) -> None:
        super().__init__()
        self.made = Made()
        self.index = FlatIndex(self.made)
        self.seed = 0

    @rule(subject=st.integers(0, 6), count=st.integers(1, 12), alike=st.booleans())
    def add(self, subject: int, count: int, alike: bool) -> None:
        self.seed += count
        seeds = [subject] * count if alike else range(self.seed, self.seed + count)
        self.made.add(f"subject {subject}", *(unit(seed) for seed in seeds))

    @precondition(lambda self: self.made.added)
    @rule(data=st.data())
    def remove_some(self, data: st.DataObject) -> None:
        ids = [face_id for face_id, _, _ in self.made.rows()]
        self.made.remove(*data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)))

    @precondition(lambda self: self.made.added)
    @rule(data=st.data())
    def remove_a_subject(self, data: st.DataObject) -> None:
        subject = data.draw(st.sampled_from(sorted({subject for _, subject, _ in self.made.rows()})))
        self.made.remove(*(face_id for face_id, owner, _ in self.made.rows() if owner == subject))

    @rule()
    def make_anew(self) -> None:
        pk = self.made.pk + 1
        self.made.__init__()
        self.made.pk = pk

    @rule(seed=st.integers(0, 20), k=st.integers(1, 8))
    def search(self, seed: int, k: int) -> None:
        (found,) = self.index.search("people", unit(seed)[None, :], k)
        assert_same(found, brute_force(self.made.rows(), unit(seed), k))

    @invariant()
    def the_size_is_right(self) -> None:
        rows = self.made.rows()
        assert self.index.size("people") == (len({subject for _, subject, _ in rows}), len(rows))


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@pytest.mark.parametrize("probes", [1, 4, 5, 33])
def test_find_equals_brute_force_over_a_real_gallery(gallery, probes):
    index = FlatIndex(gallery)
    for subject in range(40):
        gallery.add_faces("people", f"s{subject}", [new_face(subject * 10 + face) for face in range(subject % 4 + 1)])
    for subject in range(0, 40, 3):
        gallery.delete_subject("people", f"s{subject}")
    changes = gallery.changes_since("people", None)
    rows = list(zip(changes.face_ids, changes.subjects, changes.embeddings, strict=True))
    some = np.stack([unit(10_000 + seed) for seed in range(probes)])
    for probe, found in zip(some, index.search("people", some, 7), strict=True):
        assert_same(found, brute_force(rows, probe, 7))


def test_find_returns_the_best_face_of_each_subject(gallery):
    near = np.zeros((3, DIMENSION), np.float32)
    near[0, :2], near[1, :2], near[2, :2] = (1, 0), (0.8, 0.6), (0.6, 0.8)
    gallery.add_faces("people", "anna", [new_face(1, embedding=near[1]), new_face(2, embedding=near[0])])
    gallery.add_faces("people", "berta", [new_face(3, embedding=near[2])])
    ((first, second),) = FlatIndex(gallery).search("people", near[:1] * 5, 9)
    assert (first.subject, first.similarity) == ("anna", pytest.approx(1))
    assert first.face_id == gallery.faces("people", "anna")[1].id
    assert (second.subject, second.similarity) == ("berta", pytest.approx(0.6))


def test_a_crowd_of_one_subject_hides_no_other():
    made, probe = Made(), unit(0)
    made.add("crowd", *[probe] * 3000)
    for subject in range(5):
        made.add(f"far {subject}", unit(subject + 1))
    (found,) = FlatIndex(made).search("people", probe[None, :], 4)
    assert_same(found, brute_force(made.rows(), probe, 4))
    assert found[0] == Candidate("crowd", made.rows()[0][0], pytest.approx(1))


def test_equal_faces_come_in_the_order_of_their_enrolment():
    made = Made()
    for subject in ("b", "a", "c"):
        made.add(subject, unit(1))
    (found,) = FlatIndex(made).search("people", unit(1)[None, :], 2)
    assert [line.subject for line in found] == ["b", "a"]


def test_an_empty_collection_has_no_candidates(gallery):
    index = FlatIndex(gallery)
    assert index.search("people", np.stack([unit(1), unit(2)]), 5) == [[], []]
    assert index.search("people", np.empty((0, DIMENSION), np.float32), 5) == []
    assert index.size("people") == (0, 0)


def test_similarities_stay_within_one():
    made = Made()
    made.add("anna", unit(1) * np.float32(1.0009))
    ((found,),) = FlatIndex(made).search("people", unit(1)[None, :], 1)
    assert found.similarity == 1.0


@pytest.mark.parametrize("k", [0, -1])
def test_no_candidates_are_given_when_none_are_asked_for(gallery, k):
    gallery.add_faces("people", "anna", [new_face(1)])
    assert FlatIndex(gallery).search("people", unit(1)[None, :], k) == [[]]


@pytest.mark.parametrize(
    "probes",
    [
        np.zeros((1, DIMENSION)),
        np.full((1, DIMENSION), np.nan),
        np.stack([unit(1), np.full(DIMENSION, np.inf)]),
        np.ones((1, DIMENSION + 1)),
        np.ones(DIMENSION),
    ],
    ids=["zero", "nan", "infinite", "long", "flat"],
)
def test_probes_that_do_not_fit_are_refused(gallery, probes):
    with pytest.raises(VectorMismatch, match="probe"):
        FlatIndex(gallery).search("people", probes.astype(np.float32), 5)


def test_unknown_collections_are_refused_and_not_remembered(gallery):
    index = FlatIndex(gallery)
    for name in range(50):
        with pytest.raises(CollectionNotFound):
            index.search(f"unknown {name}", unit(1)[None, :], 5)
    assert index._shelves == {}


def test_a_collection_made_anew_is_searched_anew(gallery):
    index = FlatIndex(gallery)
    gallery.add_faces("people", "anna", [new_face(1)])
    assert index.size("people") == (1, 1)
    gallery.delete_collection("people")
    gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=8)
    gallery.add_faces("people", "berta", [new_face(2, embedding=unit(2, 8))])
    ((found,),) = index.search("people", unit(2, 8)[None, :], 5)
    assert found.subject == "berta"


def test_a_discarded_collection_is_loaded_again(gallery):
    index = FlatIndex(gallery)
    gallery.add_faces("people", "anna", [new_face(1)])
    for _ in range(2):
        assert index.size("people") == (1, 1)
        index.discard("people")


def test_a_failed_pull_is_made_good_by_the_next():
    class Failing(Made):
        fails = False

        def changes_since(self, collection: str, since: Mark | None) -> ChangeSet:
            if self.fails:
                raise StorageFailed("the disk failed")
            return super().changes_since(collection, since)

    made = Failing()
    made.add("anna", unit(1))
    index = FlatIndex(made)
    index.size("people")
    made.add("berta", unit(2))
    made.fails = True
    with pytest.raises(StorageFailed):
        index.size("people")
    made.fails = False
    assert index.size("people") == (2, 2)


def test_no_search_sees_half_a_change(gallery):
    """A writer adds and removes pairs in one transaction; no reader ever finds one of a pair alone."""
    index, stop = FlatIndex(gallery), threading.Event()

    def read(_: int) -> int:
        torn = 0
        while not stop.is_set():
            subjects, faces = index.size("people")
            torn += faces != 2 * subjects
            (found,) = index.search("people", unit(1)[None, :], 50)
            torn += len({line.subject for line in found}) != len(found)
        return torn

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read, n) for n in range(3)]
        try:
            for turn in range(60):
                gallery.add_faces("people", f"s{turn}", [new_face(2 * turn), new_face(2 * turn + 1)])
                if turn % 4:
                    gallery.delete_subject("people", f"s{turn - 1}")
        finally:
            stop.set()
        assert [reader.result() for reader in readers] == [0, 0, 0]


def test_dead_rows_are_left_behind_when_they_are_the_most():
    made, index = Made(), None
    ids = [made.add(f"s{n}", unit(n))[0] for n in range(100)]
    index = FlatIndex(made)
    index.size("people")
    for count, held in ((50, 100), (51, 49)):  # half dead: kept; more than half: compacted
        made.remove(*[face for face in ids[:count] if face in {row[0] for row in made.rows()}])
        index.size("people")
        assert len(index._shelves["people"]._look().vectors) == held
    assert_same(index.search("people", unit(70)[None, :], 9)[0], brute_force(made.rows(), unit(70), 9))
