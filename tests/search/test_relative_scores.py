"""Searches by score: exactly what the definition gives, whatever the gallery, and whatever was there before."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.search.relative import Reference, assert_same, rule_of
from tests.search.test_index import HARD, Interrupted, made_of
from tests.storage.synthetic import DIMENSION, MadeGallery, unit
from tests.waiting import patient
from vultus.errors import CollectionNotFound, VectorMismatch
from vultus.records.answers import Candidate
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule, terms_of, terms_without_each
from vultus.search.index import FlatIndex
from vultus.search.kernels import choose_kernel, numpy_products

CENTROIDS = np.stack([unit(10_000 + n) for n in range(9)])
RULES = [
    rule_of(),
    rule_of(CENTROIDS),
    rule_of(CENTROIDS[:2], nearest=3, weight=0.7, twin_gap=0.05, most_twins=3),
    rule_of(nearest=1, most_twins=0),
    rule_of(CENTROIDS, nearest=3, lifts=np.linspace(-0.2, 0.3, len(CENTROIDS)).astype(np.float32)),
    rule_of(CENTROIDS, twin_gap=-5.0, weight=2.5),  # always twins
]


def probes_of(*seeds: int) -> Float32:
    return np.stack([unit(seed) for seed in seeds])


def random_gallery(seed: int) -> MadeGallery:
    """Up to 60 subjects with up to four faces, some of them twins, some faces equal, some moved, some erased."""
    rng, made = np.random.default_rng(seed), MadeGallery()
    for subject in range(rng.integers(0, [4, 12, 60][seed % 3])):
        like = rng.integers(0, subject + 1)  # now and then the same person again
        spread = rng.choice([0.0, 1e-4, 0.05, 0.5])
        rows = [unit(like) + np.float32(spread) * unit(1_000 * subject + n) for n in range(rng.integers(1, 5))]
        made.add(f"s{subject}", *(row / np.linalg.norm(row) for row in rows))
    ids = [face.id for face in made.faces]
    if ids and seed % 2:
        made.move(f"s{rng.integers(0, 5)}", *rng.choice(ids, min(3, len(ids)), replace=False))
        made.remove(*rng.choice(ids, len(ids) // 4, replace=False))
    return made


@pytest.mark.parametrize("by", RULES)
@pytest.mark.parametrize("seed", range(12))
def test_random_galleries_get_the_answer_of_the_definition(by, seed):
    made = random_gallery(seed)
    index, reference = FlatIndex(made, segment_rows=[3, 65_536][seed % 2]), Reference(made, by)
    probes = np.concatenate([probes_of(0, 1, 2, 77), np.stack([unit(0) + unit(500), unit(1) + unit(501)])])
    for k in (1, 4, 100):
        for probe, lines in zip(probes, index.search("people", probes, k, by), strict=True):
            assert_same(lines, reference.ranked(probe)[:k])
    wanted = [reference.probe_term(probe) for probe in probes]
    assert np.allclose(index.terms("people", probes, by), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("data", HARD)
@pytest.mark.parametrize("by", RULES[1:3])
def test_hard_data_gets_the_answer_of_the_definition(data, by):
    made = made_of(data(np.random.default_rng(3))[:400])
    index, reference = FlatIndex(made), Reference(made, by)
    for probe in probes_of(0, 1):
        assert_same(index.search("people", probe[None, :], 4, by)[0], reference.ranked(probe)[:4])


@pytest.mark.parametrize("by", RULES)
def test_a_subject_is_compared_by_its_best_face_and_without_itself(by):
    made = random_gallery(8)
    index, reference = FlatIndex(made), Reference(made, by)
    for probe in probes_of(3, 4, 900):
        by_subject = {line.subject: line for line in reference.ranked(probe)}
        for subject, subject_pk in made.subject_pks.items():
            (found,) = index.search_subject("people", probe[None, :], subject_pk, by)
            assert_same([found], [by_subject[subject]])


def test_a_subject_without_a_face_is_not_compared():
    made = MadeGallery()
    index, by = FlatIndex(made), rule_of(CENTROIDS)
    assert index.search_subject("people", probes_of(1, 2), 1, by) == [None, None]
    ids = made.add("anna", unit(1))
    assert index.search_subject("people", probes_of(1), 1, by)[0].face_id == ids[0]
    made.remove(*ids)
    assert index.search_subject("people", probes_of(1), 1, by) == [None]


class AnyOrder(RuleBasedStateMachine):
    """Faces come and go in any order; terms and scores are those of the faces that are there, and of nothing else."""

    @initialize(
        segment_rows=st.sampled_from([1, 8, 65_536]),
        kernel=st.sampled_from([numpy_products, choose_kernel()]),
        by=st.sampled_from(RULES),
        cohort_faces=st.sampled_from([1, 7, 4096]),
    )
    def begin(self, segment_rows, kernel, by, cohort_faces) -> None:
        self.made, self.by, self.cohort_faces, self.seed = MadeGallery(), by, cohort_faces, 0
        self.index = FlatIndex(self.made, segment_rows=segment_rows, kernel=kernel, cohort_faces=cohort_faces)

    @rule(subject=st.integers(0, 9), count=st.integers(1, 6), spread=st.sampled_from([0, 0.3, 9]))
    def add(self, subject: int, count: int, spread: float) -> None:
        self.seed += count
        near = [unit(subject) + np.float32(spread) * unit(self.seed - n) for n in range(count)]
        self.made.add(f"subject {subject}", *(row / np.linalg.norm(row) for row in near))

    @rule(count=st.integers(5, 30))
    def add_many_subjects(self, count: int) -> None:
        for _ in range(count):
            self.seed += 1
            self.made.add(f"another {self.seed}", unit(5_000 + self.seed))

    @precondition(lambda self: self.made.faces)
    @rule(data=st.data())
    def remove_some(self, data: st.DataObject) -> None:
        ids = [face.id for face in self.made.faces]
        self.made.remove(*data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)))

    @precondition(lambda self: self.made.faces)
    @rule(data=st.data())
    def remove_the_newest_and_give_its_number_again(self, data: st.DataObject) -> None:
        newest = max(self.made.faces, key=lambda face: face.pk)
        self.made.remove(newest.id)
        self.seed += 1
        self.made.add(newest.subject, unit(9_000 + self.seed))

    @precondition(lambda self: self.made.faces)
    @rule(data=st.data(), subject=st.integers(0, 8))
    def merge_or_move(self, data: st.DataObject, subject: int) -> None:
        moved = data.draw(st.sampled_from(sorted({face.subject for face in self.made.faces})))
        ids = [face.id for face in self.made.faces if face.subject == moved]
        self.made.move(f"subject {subject}", *ids[: data.draw(st.integers(1, len(ids)))])

    @rule()
    def create_again(self) -> None:
        self.made.__init__(collection_pk=self.made.collection_pk + 1)

    @rule()
    def pull(self) -> None:
        self.index.refresh("people")

    @rule(seed=st.integers(0, 20), k=st.integers(1, 8))
    def search(self, seed: int, k: int) -> None:
        (found,) = self.index.search("people", probes_of(seed), k, self.by)
        assert_same(found, Reference(self.made, self.by, self.cohort_faces).ranked(unit(seed))[:k])

    @invariant()
    def terms_are_those_of_the_faces_that_are_there(self) -> None:
        if hasattr(self, "made"):
            wanted = Reference(self.made, self.by, self.cohort_faces).terms
            by_pk = {face.pk: face.id for face in self.made.faces}
            assert terms_held(self.index, self.by, by_pk) == wanted


def terms_held(index: FlatIndex, by: CohortRule, ids: dict[int, str]) -> dict[str, float]:
    """By face id the terms of the living rows."""
    blocks = index._pull("people", by).blocks
    return {
        ids[pk]: held
        for block in blocks
        for pk, held in zip(block.rows.face_pks[block.alive].tolist(), block.terms[block.alive].tolist(), strict=True)
    }


AnyOrder.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@pytest.mark.parametrize("cohort_faces", [600, 4096])
def test_terms_of_many_subjects_are_those_of_the_definition(cohort_faces):
    made = made_of([(f"s{n // 2}", row) for n, row in enumerate(np.random.default_rng(1).standard_normal((1_100, 16)))])
    index, by = FlatIndex(made, segment_rows=500, cohort_faces=cohort_faces), rule_of(CENTROIDS)
    index._pull("people", by)
    made.add("s3", unit(1), unit(2))
    made.remove("face 7", "face 8", "face 900")
    ids = {face.pk: face.id for face in made.faces}
    assert terms_held(index, by, ids) == Reference(made, by, cohort_faces).terms


# --- worked by hand


def on_a_circle(degrees: float) -> Float32:
    row = np.zeros(DIMENSION)
    row[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return row.astype(np.float32)


def test_a_score_is_the_similarity_less_half_of_both_terms():
    """Probe at 0 degrees; anna at 0, berta at 60, carla at 90. Without anna the probe's nearest is berta: cos 60 = 0.5;
    anna's own is berta as well. So anna has 1 - 0.5 * (0.5 + 0.5) = 0.5."""
    made = MadeGallery()
    for name, degrees in (("anna", 0), ("berta", 60), ("carla", 90)):
        made.add(name, on_a_circle(degrees))
    (found,) = FlatIndex(made).search("people", on_a_circle(0)[None, :], 1, rule_of(nearest=1, twin_gap=9))
    assert (found[0].subject, found[0].similarity) == ("anna", 1.0)
    assert found[0].score == pytest.approx(0.5, abs=0.01)  # berta's codes are rounded


def test_a_person_enrolled_twice_is_no_stranger_to_herself():
    """anna and her twin at 0 degrees, others at 90: without the twin both of anna's terms are 0, with it 1."""
    made = MadeGallery()
    for name, degrees in (("anna", 0), ("anna again", 0), ("berta", 90), ("carla", 90)):
        made.add(name, on_a_circle(degrees))
    for twin_gap, score in ((0.5, 1.0), (1.5, 0.0)):
        by = rule_of(nearest=1, twin_gap=twin_gap)
        (found,) = FlatIndex(made).search("people", on_a_circle(0)[None, :], 1, by)
        assert found[0].score == pytest.approx(score, abs=1e-6)


def test_a_lone_subject_has_no_cohort_but_the_centroids():
    made = MadeGallery()
    made.add("anna", unit(1))
    ((alone,),) = FlatIndex(made).search("people", probes_of(1), 1, rule_of())
    assert alone.score == alone.similarity == pytest.approx(1)
    ((near,),) = FlatIndex(made).search("people", probes_of(1), 1, rule_of(unit(1)[None, :]))
    assert near.score == pytest.approx(0, abs=0.02)


# --- the rest of the index


def test_without_a_rule_the_score_is_the_similarity():
    made = random_gallery(5)
    index = FlatIndex(made)
    before = index.search("people", probes_of(1), 5)
    index.search("people", probes_of(1), 5, rule_of(CENTROIDS))
    assert index.search("people", probes_of(1), 5) == before
    assert [line.score for line in before[0]] == [line.similarity for line in before[0]]


def test_another_rule_gets_terms_of_its_own():
    made = random_gallery(5)
    index = FlatIndex(made)
    for by in (*RULES, *RULES[::-1]):
        assert_same(index.search("people", probes_of(1), 5, by)[0], Reference(made, by).ranked(unit(1))[:5])


def test_an_equal_rule_computes_nothing_again():
    index = FlatIndex(random_gallery(5))
    first = index._pull("people", rule_of(CENTROIDS))
    assert index._pull("people", rule_of(CENTROIDS.copy())) is first


def test_a_snapshot_keeps_its_terms():
    made = random_gallery(5)
    index, by = FlatIndex(made), rule_of(CENTROIDS)
    snapshot = index._pull("people", by)
    before = [block.terms.copy() for block in snapshot.blocks]
    made.add("another", unit(1))
    made.remove(made.faces[3].id)
    index._pull("people", by)
    assert all(np.array_equal(block.terms, held) for block, held in zip(snapshot.blocks, before, strict=True))


def test_terms_count_as_memory():
    index = FlatIndex(random_gallery(5))
    index.size("people")
    before = index._collections["people"].nbytes
    faces = index.size("people")[1]
    index._pull("people", rule_of())
    assert index._collections["people"].nbytes >= before + faces * (7 * (8 + 4) + 4)


def test_a_face_erased_during_a_search_leaves_the_cohort_of_its_result():
    made = Interrupted()
    for seed in range(60):
        made.add(f"s{seed}", unit(seed))
    (nearest,) = made.add("nearest", unit(1_000))
    made.happens = lambda: made.remove(nearest)
    by = rule_of(CENTROIDS)
    (found,) = FlatIndex(made).search("people", probes_of(1_000), 3, by)
    assert_same(found, Reference(made, by).ranked(unit(1_000))[:3])


@pytest.mark.parametrize("k", [0, -1])
def test_no_candidates_are_given_when_none_are_asked_for(k):
    assert FlatIndex(random_gallery(5)).search("people", probes_of(1), k, rule_of()) == [[]]


def test_an_empty_collection_has_no_candidates():
    index = FlatIndex(MadeGallery())
    assert index.search("people", probes_of(1), 3, rule_of(CENTROIDS)) == [[]]
    assert index.search("people", np.empty((0, DIMENSION), np.float32), 3, rule_of(CENTROIDS)) == []
    assert index.terms("people", probes_of(1), rule_of()).tolist() == [0.0]


def test_what_does_not_fit_is_refused(gallery):
    index = FlatIndex(gallery)
    with pytest.raises(CollectionNotFound):
        index.terms("unknown", probes_of(1), rule_of())
    with pytest.raises(VectorMismatch, match="probe"):
        index.search("people", np.zeros((1, DIMENSION), np.float32), 3, rule_of())


def test_changes_and_other_searches_go_on_while_the_first_terms_are_made():
    """Faces are enrolled, erased and found by another thread in the middle of it, and take part in the scores."""
    made, by, going = MadeGallery(), rule_of(CENTROIDS), threading.Event()
    for seed in range(60):
        made.add(f"s{seed}", unit(seed))

    def slow_kernel(probes, rows):
        if not going.is_set():
            going.set()
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(change).result(patient()) == "new"
        return numpy_products(probes, rows)

    def change() -> str:
        made.add("new", unit(1_000))
        made.remove("face 3", "face 4")
        made.move("s5", "face 6")
        return index.search("people", probes_of(1_000), 1)[0][0].subject

    index = FlatIndex(made, kernel=slow_kernel, segment_rows=16)
    (found,) = index.search("people", probes_of(1_000), 9, by)
    assert going.is_set()
    assert_same(found, Reference(made, by).ranked(unit(1_000))[:9])


def test_many_search_by_score_while_faces_come_and_go():
    """The probe's own face is always found first; others come and go, and take others' places in the cohort."""
    made, lock, by = MadeGallery(), threading.Lock(), rule_of(CENTROIDS)
    for name in ("mark", "changes_since", "stored_embeddings", "owners"):  # the stand-in is a plain list
        setattr(made, name, partial(locked, lock, getattr(made, name)))
    for seed in range(80):
        made.add(f"s{seed}", unit(seed))
    index = FlatIndex(made)

    def search(n: int) -> Sequence[Candidate]:
        return index.search("people", probes_of(40 + n % 40), 2, by)[0]

    with ThreadPoolExecutor(4) as pool:
        searches = [pool.submit(search, n) for n in range(200)]
        for n in range(40):
            locked(lock, made.remove, f"face {n}")
            locked(lock, made.add, f"new {n}", unit(7_000 + n))
        assert [one.result()[0].subject for one in searches] == [f"s{40 + n % 40}" for n in range(200)]
    assert_same(search(3), Reference(made, by).ranked(unit(43))[:2])


def locked(lock: threading.Lock, work, *given):
    with lock:
        return work(*given)


def test_the_terms_of_one_probe_are_those_of_many_rows_to_the_bit():
    rng = np.random.default_rng(5)
    for number in range(300):
        by = rule_of(twin_gap=0.1, nearest=int(rng.integers(1, 5)), most_twins=int(rng.integers(0, 3)))
        best = np.sort(rng.uniform(-0.2, 1, number % (by.depth + 2)))[::-1]
        centroids = np.sort(rng.uniform(0, 0.6, number % 4))[::-1]
        padded = np.concatenate([best, np.full(by.depth + 1, -np.inf)])
        rows = np.stack([np.delete(padded, place)[: by.depth] for place in [*range(len(best)), len(padded) - 1]])
        wanted = terms_of(rows, np.broadcast_to(centroids, (len(rows), len(centroids))), by)
        assert terms_without_each(best.tolist(), centroids.tolist(), by) == wanted.tolist()
