"""Search with a PQ index: the right faces, erased and enrolled ones at once, and what happens without faiss."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from tests.search.relative import rule_of
from tests.storage.synthetic import MadeFace, MadeGallery, unit
from tests.waiting import patient
from vultus.errors import StorageFailed
from vultus.records.answers import Candidate
from vultus.records.seen import Float32
from vultus.search.index import FlatIndex
from vultus.search.pq_index import load_faiss
from vultus.search.recall import Recall, SearchState
from vultus.search.source import Mark, Owner

with_faiss = pytest.mark.skipif(load_faiss() is None, reason="faiss has no wheel for this machine")
D, FACES, SEGMENT_ROWS = 64, 4_000, 1_024


class BigGallery(MadeGallery):
    """4,000 people with a face each; looks faces up by their number."""

    def __init__(self, *, collection_pk: int = 1) -> None:
        super().__init__(dimension=D, collection_pk=collection_pk)
        self.revision, self.made = 1, FACES
        rows = np.random.default_rng(10**6 + collection_pk).standard_normal((FACES, D)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        self.subject_pks = {f"s{n}": n + 1 for n in range(FACES)}
        self.faces = [MadeFace(n, 1, n + 1, f"s{n}", row) for n, row in enumerate(rows)]

    def still_there(self, mark: Mark, face_pks: Sequence[int]) -> list[MadeFace]:
        state = self.revision, id(self.faces), len(self.faces)  # read first: another thread may enroll meanwhile
        by_pk = {face.pk: face for face in self.faces} if self.known != state else self.by_pk
        self.by_pk, self.known = by_pk, state
        return [by_pk[pk] for pk in face_pks if pk in by_pk and by_pk[pk].revision <= mark.revision]

    known, by_pk = (0, 0, 0), dict[int, MadeFace]()


def near(row: Float32, seed: int) -> Float32:
    """Another photo of the same person: a cosine of about 0.7."""
    mixed = row + unit(seed, D)
    return (mixed / np.linalg.norm(mixed)).astype(np.float32)


def ids(lines: Sequence[Candidate]) -> list[str]:
    return [line.face_id for line in lines]


def same(found: Sequence[Candidate], wanted: Sequence[Candidate]) -> bool:
    """The same faces with the same similarities."""
    near_enough = np.allclose([line.similarity for line in found], [line.similarity for line in wanted], 0, 1e-12)
    return ids(found) == ids(wanted) and near_enough


def built(made: BigGallery, candidates: int | None = None, **options) -> FlatIndex:
    """An index whose PQ index is in use. candidates: as many as that, to be rough on purpose."""
    index = FlatIndex(made, segment_rows=SEGMENT_ROWS, pq_from_faces=FACES, **options)
    index.size("people")
    index.wait(patient())
    assert index.state("people").kind == "pq"
    if candidates:
        index._collections["people"].snapshot.pq.candidates = candidates
    return index


@with_faiss
def test_the_recall_stated_is_measured_and_kept():
    made = BigGallery()
    index = built(made)
    state = index.state("people")
    assert state.recall.least >= 0.99
    assert (state.kind, state.faces, state.building) == ("pq", FACES, False)
    strangers = np.stack([unit(10_000 + n, D) for n in range(100)])
    found = index.search("people", strangers, 1)
    right = [same(lines, made.brute_force(probe, 1)) for lines, probe in zip(found, strangers, strict=True)]
    assert np.mean(right) >= state.recall.least - 0.02


@with_faiss
def test_a_mated_probe_finds_its_face_with_its_exact_similarity():
    made = BigGallery()
    index = built(made, candidates=50)
    probes = np.stack([near(made.faces[n].embedding, n) for n in range(0, FACES, 40)])
    found = index.search("people", probes, 1)
    wanted = [made.brute_force(probe, 1) for probe in probes]
    assert np.mean([same(lines, best) for lines, best in zip(found, wanted, strict=True)]) >= 0.98


@with_faiss
def test_fewer_faces_are_compared():
    """The kernel multiplies 50 rows of the index and no others."""
    seen: list[int] = []

    def kernel(probes, rows):
        seen.append(len(rows))
        return (probes.astype(np.float32) @ rows.astype(np.float32).T).astype(np.float32)

    index = built(BigGallery(), candidates=50, kernel=kernel)
    seen.clear()
    index.search("people", unit(1, D)[None, :], 2)
    assert seen == [50]


@with_faiss
def test_erased_faces_are_not_found_and_hide_no_others():
    made = BigGallery()
    index = built(made, candidates=50)
    probe = near(made.faces[7].embedding, 1)
    best = index.search("people", probe[None, :], 60)[0]
    made.remove(*(line.face_id for line in best))
    (after,) = index.search("people", probe[None, :], 5)
    assert index.state("people").faces == FACES - 60
    assert not {line.face_id for line in after} & {line.face_id for line in best}
    assert after[0].face_id == made.brute_force(probe, 1)[0].face_id


@with_faiss
def test_the_codes_of_erased_faces_are_overwritten():
    made = BigGallery()
    index = built(made)
    codes = index._collections["people"].snapshot.pq._codes._index
    made.remove("face 5", "face 3999")
    index.refresh("people")
    assert np.array_equal(codes.reconstruct(5), codes.reconstruct(3999))


@with_faiss
def test_moved_faces_are_found_under_their_new_subject_and_their_codes_go_when_they_are_erased():
    made = BigGallery()
    index = built(made, candidates=50)
    codes, probe = index._collections["people"].snapshot.pq._codes._index, near(made.faces[7].embedding, 1)
    best = index.search("people", probe[None, :], 60)[0]
    made.move("moved", *(line.face_id for line in best))
    assert index.search("people", probe[None, :], 1)[0][0].subject == "moved"
    assert index.state("people").faces == FACES - 60
    assert not np.array_equal(codes.reconstruct(7), codes.reconstruct(8))
    made.remove("face 7", "face 8")
    index.refresh("people")
    assert np.array_equal(codes.reconstruct(7), codes.reconstruct(8))
    assert index.search("people", probe[None, :], 1)[0][0].face_id == made.brute_force(probe, 1)[0].face_id


@with_faiss
def test_what_is_enrolled_since_is_found_at_once():
    made = BigGallery()
    index = built(made, candidates=50)
    for seed in range(20):
        made.add(f"new {seed}", unit(90_000 + seed, D))
        assert index.search("people", near(unit(90_000 + seed, D), 1)[None, :], 1)[0][0].subject == f"new {seed}"
    assert index.state("people").faces == FACES


@with_faiss
def test_an_index_is_built_again_when_much_has_changed():
    made = BigGallery()
    index = built(made)
    made.add("crowd", *(unit(50_000 + n, D) for n in range(2 * SEGMENT_ROWS)))
    index.size("people")
    index.wait(patient())
    assert index.state("people").faces == FACES + 2 * SEGMENT_ROWS
    made.remove(*(f"face {n}" for n in range(500)))
    index.size("people")
    index.wait(patient())
    assert index.state("people").faces == FACES + 2 * SEGMENT_ROWS - 500


@with_faiss
def test_below_the_size_everything_is_compared():
    made = BigGallery()
    for from_faces in (0, FACES + 1):
        index = FlatIndex(made, segment_rows=SEGMENT_ROWS, pq_from_faces=from_faces)
        index.size("people")
        index.wait(patient())
        assert index.state("people") == SearchState("exact", Recall(1.0, 1.0))


def test_without_faiss_the_exact_search_goes_on_and_says_so_once(caplog):
    made = BigGallery()
    index = FlatIndex(made, segment_rows=SEGMENT_ROWS, pq_from_faces=FACES, faiss=lambda: None)
    with caplog.at_level(logging.WARNING):
        for seed in range(3):
            assert same(index.search("people", unit(seed, D)[None, :], 3)[0], made.brute_force(unit(seed, D), 3))
            index.wait(patient())
    assert index.state("people").kind == "exact"
    assert [record.message.count(".venv/bin/pip install faiss-cpu") for record in caplog.records] == [1]


@with_faiss
def test_searches_go_on_exactly_while_an_index_is_made():
    made, going = BigGallery(), threading.Event()

    def slow():
        going.wait(patient())
        return load_faiss()

    index = FlatIndex(made, segment_rows=SEGMENT_ROWS, pq_from_faces=FACES, faiss=slow)
    assert same(index.search("people", unit(1, D)[None, :], 3)[0], made.brute_force(unit(1, D), 3))
    assert index.state("people") == SearchState(building=True)
    going.set()
    index.wait(patient())
    assert index.state("people").kind == "pq"


@with_faiss
@pytest.mark.parametrize("end", ["close", "discard"])
def test_an_index_that_is_not_wanted_any_more_is_not_finished(end):
    made, going = BigGallery(), threading.Event()

    def slow():
        going.wait(patient())
        return load_faiss()

    index = FlatIndex(made, segment_rows=SEGMENT_ROWS, pq_from_faces=FACES, faiss=slow)
    index.size("people")
    loaded = index._collections["people"]
    if end == "discard":
        index.discard("people")
    else:
        threading.Timer(0.05, going.set).start()
        index.close()
    going.set()
    index.wait(patient())
    assert loaded.snapshot.pq is None


@with_faiss
def test_a_failure_leaves_the_exact_search(caplog):
    class Failing(BigGallery):
        def owners(self, mark: Mark, face_pks: Sequence[int]) -> dict[int, Owner]:
            if threading.current_thread().name == "pq-index":
                raise StorageFailed("the disk failed")
            return super().owners(mark, face_pks)

    made = Failing()
    index = FlatIndex(made, segment_rows=SEGMENT_ROWS, pq_from_faces=FACES)
    for _ in range(3):
        index.size("people")
        index.wait(patient())
    assert same(index.search("people", unit(1, D)[None, :], 3)[0], made.brute_force(unit(1, D), 3))
    assert ["StorageFailed" in record.message for record in caplog.records] == [True]


class Blind:
    """faiss, but what it finds is always the first row."""

    METRIC_INNER_PRODUCT = 0

    class IndexPQFastScan:
        ntotal, codes = 0, np.empty(0)

        def __init__(self, *_):
            self.codes = self

        def size(self) -> int:
            return 0

        def train(self, rows) -> None:
            pass

        def add(self, rows) -> None:
            self.ntotal += len(rows)

        def search(self, probes, count):
            return None, np.zeros((len(probes), 1), np.int64)

    @staticmethod
    def omp_set_num_threads(_: int) -> None:
        pass


def test_an_index_that_finds_too_little_is_not_used(caplog):
    made = BigGallery()
    index = FlatIndex(made, segment_rows=SEGMENT_ROWS, pq_from_faces=FACES, faiss=lambda: Blind)
    for _ in range(3):
        index.size("people")
        index.wait(patient())
    assert same(index.search("people", unit(1, D)[None, :], 3)[0], made.brute_force(unit(1, D), 3))
    assert index.state("people") == SearchState()
    assert ["finds too little" in record.message for record in caplog.records] == [True]


@with_faiss
def test_with_all_faces_as_candidates_the_answer_is_that_of_brute_force_whatever_came_and_went():
    made, rng = BigGallery(), np.random.default_rng(5)
    index, everything = built(made), FACES // 10  # lines: at least 20 candidates are compared for each
    for turn in range(12):
        gone = rng.choice(len(made.faces), 150, replace=False)
        made.remove(*(made.faces[n].id for n in gone))
        moved = rng.choice(len(made.faces), 40, replace=False)
        made.move(f"moved {turn % 3}", *(made.faces[n].id for n in moved))
        made.add(f"late {turn % 5}", *(unit(60_000 + turn * 200 + n, D) for n in range(200)))
        probe = unit(turn, D)
        assert same(index.search("people", probe[None, :], everything)[0], made.brute_force(probe, everything))
        if turn % 4 == 0:
            index.wait(patient())
    index.wait(patient())
    assert index.state("people").kind == "pq"


@with_faiss
def test_by_score_the_answer_is_that_of_the_exact_search_and_its_recall_is_measured_so():
    made, by = BigGallery(), rule_of(np.stack([unit(70_000 + n, D) for n in range(9)]))
    exact, index = FlatIndex(made, segment_rows=SEGMENT_ROWS), built(made)
    probes = np.stack([near(made.faces[n].embedding, n) for n in range(0, FACES, 100)])
    wanted = exact.search("people", probes, 3, by)
    assert index.search("people", probes, 3, by) == wanted  # without an index: the recall was of similarities
    assert index.state("people").recall.least == 1.0
    index.wait(patient())
    assert index.state("people").kind == "pq"
    assert index.state("people").recall.least >= 0.99
    found = index.search("people", probes, 3, by)
    right = [lines[0].face_id == best[0].face_id for lines, best in zip(found, wanted, strict=True)]
    scores = [lines[0].score - best[0].score for lines, best in zip(found, wanted, strict=True)]
    assert min(np.mean(right), np.mean(np.abs(scores) < 1e-9)) >= 0.95
    (own,) = index.search_subject("people", probes[:1], made.subject_pks["s0"], by)
    assert own == wanted[0][0]


@with_faiss
def test_an_index_counts_as_memory_and_goes_with_its_collection():
    made = BigGallery()
    exact = FlatIndex(made)
    exact.size("people")
    index = built(made)
    assert index._collections["people"].nbytes > exact._collections["people"].nbytes + FACES * D // 4
    index.discard("people")
    assert index.state("people") == SearchState()


@with_faiss
def test_many_search_while_faces_come_and_go():
    made, lock = BigGallery(), threading.Lock()
    for name in ("mark", "changes_since", "stored_embeddings", "owners"):  # the stand-in is a plain list
        setattr(made, name, partial(locked, lock, getattr(made, name)))
    index = built(made, candidates=50)

    def search(n: int) -> bool:
        face = kept[n % len(kept)]
        return index.search("people", face.embedding[None, :], 1)[0][0].face_id == face.id

    kept = made.faces[1_000::7]
    with ThreadPoolExecutor(4) as pool:
        searches = [pool.submit(search, n) for n in range(300)]
        for n in range(100):
            locked(lock, made.remove, f"face {n}")
            locked(lock, made.add, f"new {n}", unit(80_000 + n, D))
        assert np.mean([one.result() for one in searches]) == 1.0
    assert not {f"s{n}" for n in range(100)} & {
        line.subject for line in index.search("people", made.faces[0].embedding[None, :], 100)[0]
    }


def locked(lock: threading.Lock, work, *given):
    with lock:
        return work(*given)
