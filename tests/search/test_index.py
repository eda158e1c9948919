"""The flat index: exactly the results of brute force, whatever was enrolled and erased before."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.storage.synthetic import DIMENSION, MODEL, MadeFace, MadeGallery, new_face, unit
from vultus.errors import CollectionNotFound, StorageFailed, VectorMismatch
from vultus.records.answers import Candidate
from vultus.records.seen import Float32
from vultus.search.index import FlatIndex
from vultus.search.kernels import choose_kernel, numpy_products
from vultus.search.segments import row_bytes
from vultus.search.source import ChangeSet, Mark, Owner, StoredEmbeddings


def assert_same(found: Sequence[Candidate], wanted: Sequence[Candidate]) -> None:
    """The same subjects and faces in the same order."""
    assert [(line.subject, line.face_id) for line in found] == [(line.subject, line.face_id) for line in wanted]
    assert np.allclose([line.similarity for line in found], [line.similarity for line in wanted], rtol=0, atol=1e-12)


class AnyOrder(RuleBasedStateMachine):
    """Faces come and go in any order, with searches in between."""

    @initialize(
        segment_rows=st.sampled_from([1, 8, 65_536]),
        kernel=st.sampled_from([numpy_products, choose_kernel()]),
        memory_bytes=st.sampled_from([1, 3_000, 2**30]),  # embeddings never, of the first faces, always in memory
    )
    def begin(self, segment_rows, kernel, memory_bytes) -> None:
        self.made, self.seed = MadeGallery(), 0
        self.index = FlatIndex(self.made, memory_bytes=memory_bytes, segment_rows=segment_rows, kernel=kernel)

    @rule(subject=st.integers(0, 6), count=st.integers(1, 12), spread=st.sampled_from([0, 1e-4, 0.02, 0.3, 9]))
    def add(self, subject: int, count: int, spread: float) -> None:
        self.seed += count
        near = [unit(subject) + np.float32(spread) * unit(self.seed - n) for n in range(count)]
        self.made.add(f"subject {subject}", *(row / np.linalg.norm(row) for row in near))

    @precondition(lambda self: self.made.faces)
    @rule(data=st.data())
    def remove_some(self, data: st.DataObject) -> None:
        ids = [face.id for face in self.made.faces]
        self.made.remove(*data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)))

    @precondition(lambda self: self.made.faces)
    @rule(data=st.data())
    def remove_a_subject(self, data: st.DataObject) -> None:
        subject = data.draw(st.sampled_from(sorted({face.subject for face in self.made.faces})))
        self.made.remove(*(face.id for face in self.made.faces if face.subject == subject))

    @precondition(lambda self: self.made.faces)
    @rule(data=st.data(), subject=st.integers(0, 8))
    def move_some(self, data: st.DataObject, subject: int) -> None:
        ids = [face.id for face in self.made.faces]
        self.made.move(f"subject {subject}", *data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)))

    @precondition(lambda self: self.made.faces)
    @rule(data=st.data(), subject=st.integers(0, 8))
    def merge(self, data: st.DataObject, subject: int) -> None:
        merged = data.draw(st.sampled_from(sorted({face.subject for face in self.made.faces})))
        self.made.move(f"subject {subject}", *(face.id for face in self.made.faces if face.subject == merged))

    @rule()
    def create_again(self) -> None:
        self.made.__init__(collection_pk=self.made.collection_pk + 1)

    @rule(seeds=st.lists(st.integers(0, 20), min_size=1, max_size=3), k=st.integers(1, 8))
    def search(self, seeds: list[int], k: int) -> None:
        found = self.index.search("people", np.stack([unit(seed) for seed in seeds]), k)
        for seed, lines in zip(seeds, found, strict=True):
            assert_same(lines, self.made.brute_force(unit(seed), k))

    @invariant()
    def size_is_right(self) -> None:
        faces = self.made.faces if hasattr(self, "made") else []
        if faces:
            assert self.index.size("people") == (len({face.subject for face in faces}), len(faces))


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnyOrder = AnyOrder.TestCase


# --- data that is hard for codes


def crowded(rng: np.random.Generator) -> list[tuple[str, Float32]]:
    """One subject with 1,000 faces, all nearer to the probe than anyone else's."""
    far = [(f"far {n}", rng.standard_normal(DIMENSION)) for n in range(5)]
    return [("crowd", unit(0) + 1e-3 * rng.standard_normal(DIMENSION)) for _ in range(1000)] + far


def near_duplicates(rng: np.random.Generator) -> list[tuple[str, Float32]]:
    """Subjects that differ by less than a code can say."""
    return [(f"s{n}", unit(0) + 1e-5 * rng.standard_normal(DIMENSION)) for n in range(300)]


def all_equal(_: np.random.Generator) -> list[tuple[str, Float32]]:
    return [(f"s{n}", unit(1)) for n in range(300)]


def one_huge_component(rng: np.random.Generator) -> list[tuple[str, Float32]]:
    """All else is lost in the codes: the values are 127 and zeros."""
    return [
        (f"s{n % 90}", np.eye(DIMENSION)[n % DIMENSION] + 3e-3 * rng.standard_normal(DIMENSION)) for n in range(500)
    ]


def opposite(rng: np.random.Generator) -> list[tuple[str, Float32]]:
    return [(f"s{n}", -unit(0) + 0.01 * rng.standard_normal(DIMENSION)) for n in range(300)]


def ordinary(rng: np.random.Generator) -> list[tuple[str, Float32]]:
    return [(f"s{n // 3}", rng.standard_normal(DIMENSION)) for n in range(2000)]


HARD = [crowded, near_duplicates, all_equal, one_huge_component, opposite, ordinary]


def made_of(faces: list[tuple[str, Float32]]) -> MadeGallery:
    made = MadeGallery()
    for subject, _ in faces:
        made.subject_pks.setdefault(subject, len(made.subject_pks) + 1)
    for n in range(0, len(faces), 50):  # a revision each
        made.revision += 1
        for subject, row in faces[n : n + 50]:
            face = (made.made, made.revision, made.made + 1, subject, (row / np.linalg.norm(row)).astype(np.float32))
            made.faces.append(MadeFace(*face))
            made.made += 1
    return made


@pytest.mark.parametrize("data", HARD)
@pytest.mark.parametrize("k", [1, 4, 5_000])
@pytest.mark.parametrize("segment_rows", [64, 65_536])
def test_hard_data_gets_the_answer_of_brute_force(data, k, segment_rows):
    made = made_of(data(np.random.default_rng(3)))
    probes = np.stack([unit(0), unit(1), np.eye(DIMENSION, dtype=np.float32)[3]])
    for probe, lines in zip(
        probes, FlatIndex(made, segment_rows=segment_rows).search("people", probes, k), strict=True
    ):
        assert_same(lines, made.brute_force(probe, k))


def test_the_error_of_the_probe_counts():
    """Codes lose nothing of faces of ones and minus ones, so that all the error is the probe's."""
    rng = np.random.default_rng(3)
    made = made_of([(f"s{n}", rng.choice([-1.0, 1.0], DIMENSION)) for n in range(2000)])
    probes = np.stack([unit(seed) for seed in range(10)])
    for probe, lines in zip(probes, FlatIndex(made).search("people", probes, 20), strict=True):
        assert_same(lines, made.brute_force(probe, 20))


@pytest.mark.parametrize("dimension", [1, 2, 128, 512, 640])
def test_any_dimension_is_searched(dimension):
    made = MadeGallery(dimension=dimension)
    for subject in range(120):
        made.add(f"s{subject}", unit(subject, dimension), unit(subject + 500, dimension))
    probe = unit(7, dimension)
    assert_same(FlatIndex(made).search("people", probe[None, :], 5)[0], made.brute_force(probe, 5))


def test_ordinary_faces_need_few_fetches():
    made = made_of([(f"s{n // 3}", row) for n, row in enumerate(np.random.default_rng(1).standard_normal((3000, 16)))])
    FlatIndex(made).search("people", unit(0)[None, :], 5)
    assert made.looked_up < 60  # of 3,000


def test_equal_faces_need_no_fetch_beyond_their_own():
    """A crowd of one subject that is all alike costs look-ups once; nobody else's faces are touched for it."""
    made = made_of(crowded(np.random.default_rng(3)))
    FlatIndex(made).search("people", unit(0)[None, :], 1)
    assert made.looked_up <= 1000


@pytest.mark.parametrize("probes", [1, 4, 5, 33])
def test_find_equals_brute_force_over_a_real_gallery(gallery, probes):
    index = FlatIndex(gallery)
    for subject in range(40):
        gallery.add_faces("people", f"s{subject}", [new_face(subject * 10 + face) for face in range(subject % 4 + 1)])
    for subject in range(0, 40, 3):
        gallery.delete_subject("people", f"s{subject}")
    same = MadeGallery()
    for subject in (subject for subject in range(40) if subject % 3):
        same.add(f"s{subject}", *(unit(subject * 10 + face) for face in range(subject % 4 + 1)))
    some = np.stack([unit(10_000 + seed) for seed in range(probes)])
    for probe, found in zip(some, index.search("people", some, 7), strict=True):
        wanted = same.brute_force(probe, 7)
        assert [line.subject for line in found] == [line.subject for line in wanted]
        assert np.allclose(
            [line.similarity for line in found], [line.similarity for line in wanted], rtol=0, atol=1e-12
        )
        ids = {line.subject: [face.id for face in gallery.faces("people", line.subject)] for line in found}
        assert all(line.face_id in ids[line.subject] for line in found)


def test_find_returns_the_best_face_of_each_subject(gallery):
    near = np.zeros((3, DIMENSION), np.float32)
    near[0, :2], near[1, :2], near[2, :2] = (1, 0), (0.8, 0.6), (0.6, 0.8)
    gallery.add_faces("people", "anna", [new_face(1, embedding=near[1]), new_face(2, embedding=near[0])])
    gallery.add_faces("people", "berta", [new_face(3, embedding=near[2])])
    ((first, second),) = FlatIndex(gallery).search("people", near[:1] * 5, 9)
    assert (first.subject, first.similarity) == ("anna", pytest.approx(1))
    assert first.face_id == gallery.faces("people", "anna")[1].id
    assert (second.subject, second.similarity) == ("berta", pytest.approx(0.6))


def test_equal_faces_come_in_the_order_of_their_enrolment():
    made = MadeGallery()
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
    made = MadeGallery()
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
    assert index._collections == {}


def test_a_collection_created_again_is_loaded_again(gallery):
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


class FailingGallery(MadeGallery):
    fails = False

    def mark(self, collection: str) -> Mark:
        if self.fails:
            raise StorageFailed("the disk failed")
        return super().mark(collection)

    def changes_since(self, collection: str, since: Mark | None, *options: Any) -> ChangeSet:
        if self.fails:
            raise StorageFailed("the disk failed")
        return super().changes_since(collection, since, *options)


def test_a_failed_pull_is_made_good_by_the_next():
    made = FailingGallery()
    made.add("anna", unit(1))
    index = FlatIndex(made)
    index.size("people")
    made.add("berta", unit(2))
    made.fails = True
    with pytest.raises(StorageFailed):
        index.size("people")
    made.fails = False
    assert index.size("people") == (2, 2)


def test_refreshing_applies_what_was_erased_and_loads_nothing(gallery):
    index = FlatIndex(gallery)
    index.refresh("people")
    index.refresh("nobody")
    assert index._collections == {}
    gallery.add_faces("people", "anna", [new_face(1)])
    index.size("people")
    gallery.delete_subject("people", "anna")
    index.refresh("people")
    assert index._collections["people"].snapshot.size() == (0, 0)


def test_a_refresh_that_fails_drops_the_collection_from_memory():
    made = FailingGallery()
    made.add("anna", unit(1))
    index = FlatIndex(made)
    index.size("people")
    made.fails = True
    index.refresh("people")
    assert index._collections == {}


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
    made = MadeGallery()
    ids = [made.add(f"s{n}", unit(n))[0] for n in range(100)]
    index = FlatIndex(made)
    index.size("people")
    for count, held in ((50, 100), (51, 49)):  # half dead: kept; more than half: compacted
        made.remove(*[face for face in ids[:count] if face in {row.id for row in made.faces}])
        assert sum(len(block) for block in index._pull("people").blocks) == held
    assert_same(index.search("people", unit(70)[None, :], 9)[0], made.brute_force(unit(70), 9))


# --- erased between the scan and the look-up


class Interrupted(MadeGallery):
    """Something happens the first time the ids of faces are looked up."""

    happens = staticmethod(lambda: None)

    def owners(self, mark: Mark, face_pks: Sequence[int]) -> dict[int, Owner]:
        happens, self.happens = self.happens, lambda: None
        happens()
        return super().owners(mark, face_pks)


@pytest.mark.parametrize("number_given_again", [False, True])
def test_a_face_erased_during_a_search_is_not_found_and_hides_no_other(number_given_again):
    made = Interrupted()
    for seed in range(200):
        made.add(f"s{seed}", unit(seed))
    (nearest,) = made.add("nearest", unit(1_000))

    def erase() -> None:
        made.remove(nearest)
        if number_given_again:
            made.add("another", -unit(1_000))

    made.happens = erase
    (found,) = FlatIndex(made).search("people", unit(1_000)[None, :], 3)
    assert_same(found, made.brute_force(unit(1_000), 3))
    assert len(found) == 3


def test_a_face_moved_during_a_search_is_found_under_its_new_subject():
    """Another search has applied the move already, in the arrays that this one reads."""
    made = Interrupted()
    for seed in range(200):
        made.add(f"s{seed}", unit(seed))
    (nearest,) = made.add("nearest", unit(1_000))
    index = FlatIndex(made)
    index.size("people")

    def slow_kernel(probes, rows):
        happens, made.happens = made.happens, lambda: None
        happens()
        return numpy_products(probes, rows)

    def move() -> None:
        made.move("another", nearest)
        index.refresh("people")

    index._kernel, made.happens = slow_kernel, move
    (found,) = index.search("people", unit(1_000)[None, :], 3)
    assert_same(found, made.brute_force(unit(1_000), 3))
    assert found[0].subject == "another"


def test_a_face_whose_row_is_lost_is_left_out():
    """As in a damaged database: the search ends, without it."""

    class Damaged(MadeGallery):
        def still_there(self, mark: Mark, face_pks: Sequence[int]) -> list[MadeFace]:
            return super().still_there(mark, [pk for pk in face_pks if pk != 1])

    made = Damaged()
    made.add("lost", unit(1))
    made.add("anna", unit(2))
    assert [line.subject for line in FlatIndex(made).search("people", unit(1)[None, :], 5)[0]] == ["anna"]


def test_searches_are_right_while_faces_are_erased_and_numbers_given_again(gallery):
    """The nearest subject comes and goes; searches find it or not, but never another face under its name."""
    for seed in range(50):
        gallery.add_faces("people", f"s{seed}", [new_face(seed)])
    index, stop = FlatIndex(gallery), threading.Event()
    truth = {f"s{seed}": float(unit(seed).astype(np.float64) @ unit(999)) for seed in range(50)}
    truth |= {f"new {turn}": float(unit(2_000 + turn).astype(np.float64) @ unit(999)) for turn in range(80)}

    def read(_: int) -> int:
        wrong = 0
        while not stop.is_set():
            (found,) = index.search("people", unit(999)[None, :], 5)
            wrong += len(found) != 5 or any(abs(truth[line.subject] - line.similarity) > 1e-6 for line in found)
        return wrong

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read, n) for n in range(2)]
        try:
            for turn in range(80):
                gallery.add_faces("people", f"new {turn}", [new_face(2_000 + turn)])
                gallery.delete_subject("people", f"new {turn}")
        finally:
            stop.set()
        assert [reader.result() for reader in readers] == [0, 0]


# --- memory


def crowd(faces: int = 300) -> MadeGallery:
    made = MadeGallery()
    for seed in range(faces):
        made.add(f"s{seed}", unit(seed))
    return made


def test_embeddings_in_memory_are_not_read_from_the_gallery(caplog):
    caplog.set_level("INFO")
    made, probes = crowd(), np.stack([unit(1_000), unit(1_001)])
    in_memory = FlatIndex(made).search("people", probes, 5)
    assert (made.looked_up, caplog.messages) == (0, [])
    little = FlatIndex(made, memory_bytes=300 * row_bytes(DIMENSION, embeddings=True) - 1)
    assert little.search("people", probes, 5) == in_memory  # to the last bit
    assert made.looked_up > 0
    for lines, probe in zip(in_memory, probes, strict=True):
        assert_same(lines, made.brute_force(probe, 5))
    assert ["300 faces stay in the database" in message for message in caplog.messages] == [True]


def test_a_collection_that_outgrows_the_budget_leaves_its_embeddings_in_the_gallery():
    made, probe = crowd(), unit(1_000)
    index = FlatIndex(made, memory_bytes=330 * row_bytes(DIMENSION, embeddings=True), segment_rows=100)
    index.search("people", probe[None, :], 5)
    kept = index._collections["people"].nbytes
    made.add("anna", *(unit(2_000 + n) for n in range(40)))
    for _ in range(2):  # the first search drops them at its end
        assert_same(index.search("people", probe[None, :], 5)[0], made.brute_force(probe, 5))
    assert made.looked_up > 0
    assert index._collections["people"].nbytes < kept


def test_embeddings_leave_the_memory_before_collections_do():
    galleries = several(3, 100)
    index = FlatIndex(galleries, memory_bytes=200 * row_bytes(DIMENSION, embeddings=True))
    for name in galleries.galleries:
        index.search(name, unit(7)[None, :], 3)
    assert [loaded.has_embeddings for loaded in index._collections.values()] == [False, False, True]


def test_the_embedding_of_an_erased_face_leaves_the_memory():
    made = crowd(3)
    index = FlatIndex(made)
    index.size("people")
    (block,) = index._collections["people"].snapshot.blocks
    assert np.array_equal(block.rows.embeddings, [unit(0), unit(1), unit(2)])
    made.remove("face 1")
    index.refresh("people")
    assert not block.rows.embeddings[1].any()


def test_a_face_erased_from_memory_during_a_search_makes_it_search_again():
    """What the scan chose is gone when its embedding is read: the answer is that of the faces that are left."""
    made = crowd(200)
    (nearest,) = made.add("nearest", unit(1_000))
    index = FlatIndex(made)
    index.size("people")

    def slow_kernel(probes, rows):
        products = numpy_products(probes, rows)
        if nearest in [face.id for face in made.faces]:
            made.remove(nearest)
            index.refresh("people")
        return products

    index._kernel = slow_kernel
    (found,) = index.search("people", unit(1_000)[None, :], 3)
    assert_same(found, made.brute_force(unit(1_000), 3))
    assert len(found) == 3


class Several:
    """Galleries by collection name."""

    def __init__(self, **galleries: MadeGallery) -> None:
        self.galleries, self.loaded = galleries, list[str]()

    def mark(self, collection: str) -> Mark:
        return self.galleries[collection].mark(collection)

    def changes_since(self, collection: str, since: Mark | None, *options: Any) -> ChangeSet:
        self.loaded += [collection] if since is None else []
        return self.galleries[collection].changes_since(collection, since, *options)

    def stored_embeddings(self, mark: Mark, face_pks: Sequence[int]) -> StoredEmbeddings:
        return self.of(mark).stored_embeddings(mark, face_pks)

    def owners(self, mark: Mark, face_pks: Sequence[int]) -> dict[int, Owner]:
        return self.of(mark).owners(mark, face_pks)

    def of(self, mark: Mark) -> MadeGallery:
        (gallery,) = (one for one in self.galleries.values() if one.collection_pk == mark.collection_pk)
        return gallery


def several(count: int, faces: int) -> Several:
    galleries = {f"c{n}": MadeGallery(collection_pk=n + 1) for n in range(count)}
    for n, made in enumerate(galleries.values()):
        made.add("anna", *(unit(1_000 * n + face) for face in range(faces)))
    return Several(**galleries)


FACE_BYTES = DIMENSION + 4 + 4 + 8 + 8 + 1


def test_the_collection_used_least_recently_is_dropped_and_loaded_again():
    gallery = several(3, 100)
    index = FlatIndex(gallery, memory_bytes=2 * 100 * FACE_BYTES)
    for name in ("c0", "c1", "c0", "c2", "c0", "c1"):  # c2 takes the place of c1, c1 that of c2
        probe = gallery.galleries[name].faces[7].embedding
        assert index.search(name, probe[None, :], 1)[0][0].face_id == "face 7"
        assert sum(loaded.nbytes for loaded in index._collections.values()) <= 2 * 100 * FACE_BYTES
    assert gallery.loaded == ["c0", "c1", "c2", "c1"]


def test_a_collection_larger_than_the_budget_is_searched_all_the_same():
    gallery = several(2, 100)
    index = FlatIndex(gallery, memory_bytes=1)
    for name in ("c0", "c0", "c1"):
        assert len(index.search(name, unit(1)[None, :], 1)[0]) == 1
    assert gallery.loaded == ["c0", "c1"]
    assert list(index._collections) == ["c1"]


def test_growth_makes_others_go():
    gallery = several(2, 100)
    index = FlatIndex(gallery, memory_bytes=3 * 100 * FACE_BYTES)
    index.size("c0")
    index.size("c1")
    gallery.galleries["c1"].add("berta", *(unit(seed) for seed in range(300)))
    index.size("c1")
    assert list(index._collections) == ["c1"]


def test_threads_may_search_while_collections_are_dropped():
    gallery = several(4, 50)
    index = FlatIndex(gallery, memory_bytes=2 * 50 * FACE_BYTES)

    def search(n: int) -> bool:
        made = gallery.galleries[f"c{n % 4}"]
        (found,) = index.search(f"c{n % 4}", unit(n)[None, :], 1)
        return found[0].face_id == made.brute_force(unit(n), 1)[0].face_id

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(search, range(400)))


def test_the_held_size_is_that_of_the_last_search_and_asks_nobody(gallery):
    index = FlatIndex(gallery)
    assert index.held_size("people") is None
    gallery.add_faces("people", "anna", [new_face(1)])
    index.search("people", unit(1)[None, :], 1)
    gallery.add_faces("people", "berta", [new_face(2)])
    assert index.held_size("people") == (1, 1)
    assert index.size("people") == index.held_size("people") == (2, 2)
    index.discard("people")
    assert index.held_size("people") is None
