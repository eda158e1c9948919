"""The index in the database finds what the flat index in memory finds, whatever was enrolled, erased and moved."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest

from tests.search.relative import rule_of
from tests.search.test_index import all_equal, crowded, near_duplicates, one_huge_component
from tests.storage.synthetic import DIMENSION, MODEL, unit
from tests.storage.vector_search.faces import enroll
from vultus.errors import CollectionNotFound, SpaceChanged, VectorMismatch
from vultus.records.answers import Candidate
from vultus.records.embedding_spaces import Space
from vultus.search.index import FlatIndex
from vultus.search.kernels import choose_kernel
from vultus.storage.gallery import Gallery
from vultus.storage.vector_search.database_index import DatabaseIndex
from vultus.storage.vector_search.term_filling import Terms
from vultus.storage.vector_search.vector_filling import catch_up

pytestmark = pytest.mark.postgres
RULE = rule_of(np.stack([unit(900 + n) for n in range(6)]))
PROBES = np.stack([unit(0), unit(1), np.eye(DIMENSION, dtype=np.float32)[3]])


def assert_same(found: Sequence[Sequence[Candidate]], wanted: Sequence[Sequence[Candidate]]) -> None:
    for some, others in zip(found, wanted, strict=True):
        assert [(line.subject, line.face_id) for line in some] == [(line.subject, line.face_id) for line in others]
        for value in ("similarity", "score"):
            values = [[getattr(line, value) for line in lines] for lines in (some, others)]
            assert np.allclose(*values, rtol=0, atol=1e-6)


@pytest.mark.parametrize("data", [crowded, near_duplicates, all_equal, one_huge_component])
def test_hard_data_gets_the_answer_of_memory(gallery, make_index, in_memory, data):
    rows = data(np.random.default_rng(3))
    gallery.delete_collection("people")
    gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    enroll(gallery, rows[:: len(rows) // 100])
    for first_read in (1, 50, 4096):
        index = make_index(first_read=first_read)
        for k, by in ((1, None), (5, RULE)):
            assert_same(index.search("people", PROBES, k, by), in_memory.search("people", PROBES, k, by))


def test_changes_are_found_by_the_next_search(gallery, make_index, in_memory):
    index = make_index()

    def assert_as_in_memory() -> None:
        for by in (None, RULE):
            assert_same(index.search("people", PROBES, 4, by), in_memory.search("people", PROBES, 4, by))
        assert index.size("people") == index.held_size("people") == in_memory.size("people")

    assert_as_in_memory()
    enroll(gallery, [("new", PROBES[0])], first=400)
    assert index.search("people", PROBES[:1], 1)[0][0].subject == "new"
    gallery.delete_subject("people", "new")
    (found,) = index.search("people", PROBES[:1], 60)
    assert "new" not in [line.subject for line in found]
    gallery.corrections.merge("people", found[0].subject, into=found[1].subject, undo_for=timedelta(hours=1))
    assert_as_in_memory()
    gallery.delete_face(found[1].face_id)
    assert_as_in_memory()


def test_what_one_server_enrolls_and_erases_the_other_finds_at_once(gallery, other_database, make_index):
    index, other = make_index(), DatabaseIndex(other_database, Gallery(other_database), hnsw_from_faces=0, ef_search=40)
    index.search("people", PROBES, 3, RULE)
    enroll(Gallery(other_database), [("new", PROBES[0])], first=400)
    assert [one.search("people", PROBES[:1], 1, RULE)[0][0].subject for one in (index, other)] == ["new", "new"]
    gallery.delete_subject("people", "new")
    assert "new" not in [line.subject for line in other.search("people", PROBES[:1], 99, RULE)[0]]


def test_one_subject_and_the_terms_of_probes_are_as_in_memory(gallery, make_index, in_memory):
    index, pk = make_index(first_read=5), gallery.subject_number("people", "s7")
    assert np.allclose(index.terms("people", PROBES, RULE), in_memory.terms("people", PROBES, RULE), atol=1e-9)
    found, wanted = (one.search_subject("people", PROBES, pk, RULE) for one in (index, in_memory))
    assert_same([found], [wanted])
    gallery.delete_subject("people", "s7")
    assert index.search_subject("people", PROBES, pk, RULE) == [None] * len(PROBES)


def test_another_rule_gets_terms_of_its_own(gallery, make_index, in_memory):
    index, other = make_index(), rule_of(nearest=3, weight=0.3)
    for by in (RULE, other, None, RULE):
        assert_same(index.search("people", PROBES, 5, by), in_memory.search("people", PROBES, 5, by))


@pytest.mark.parametrize("coded", [True, False])
def test_the_cohort_of_a_large_collection_is_that_of_memory(gallery, database, make_index, coded):
    if not coded:  # as a server of an older release left them, before the gallery was moved here
        with database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM codes WHERE mod(face_pk, 2) = 0")
    index, in_memory = make_index(cohort_faces=40), FlatIndex(gallery, cohort_faces=40)
    assert_same(index.search("people", PROBES, 9, RULE), in_memory.search("people", PROBES, 9, RULE))


def test_terms_follow_what_was_enrolled_later_and_say_so_until_then(gallery, make_index, in_memory):
    index = make_index(cohort_faces=50)  # fewer than there are faces: their terms follow in the background
    index.search("people", PROBES, 3, RULE)
    assert index.state("people").terms_behind == 0
    enroll(gallery, [(f"later {n}", unit(500 + n)) for n in range(4)], first=400)
    index.search("people", PROBES, 3, RULE)
    assert index.state("people").terms_behind == 4  # more are 5 % of all
    enroll(gallery, [(f"later {n}", unit(500 + n)) for n in range(4, 9)], first=400)
    index.search("people", PROBES, 3, RULE)
    index.wait(60)
    found = index.search("people", PROBES, 300, RULE)
    assert index.state("people").terms_behind == 0
    assert_same(found, FlatIndex(gallery, cohort_faces=50).search("people", PROBES, 300, RULE))


def test_small_collections_do_not_lag_behind(gallery, make_index, in_memory):
    index = make_index()
    index.search("people", PROBES, 3, RULE)
    enroll(gallery, [(f"later {n}", unit(500 + n)) for n in range(9)], first=400)
    assert_same(index.search("people", PROBES, 99, RULE), in_memory.search("people", PROBES, 99, RULE))
    assert index.state("people").terms_behind == 0


def test_an_empty_collection_has_no_candidates(gallery, make_index):
    gallery.create_collection("empty", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    index = make_index()
    for by in (None, RULE):
        assert index.search("empty", PROBES, 3, by) == [[], [], []]
    assert index.size("empty") == (0, 0)


def test_wrong_questions_are_refused_as_in_memory(gallery, make_index):
    index = make_index()
    with pytest.raises(CollectionNotFound):
        index.search("nobody", PROBES, 1)
    with pytest.raises(VectorMismatch):
        index.search("people", PROBES[:, :5], 1)
    with pytest.raises(VectorMismatch):
        index.search("people", 0 * PROBES, 1)
    with pytest.raises(SpaceChanged):
        index.search("people", PROBES, 1, space=1)


def test_a_change_of_more_faces_than_a_transaction_takes_is_filled_whole(gallery, database, make_index, in_memory):
    gallery.corrections.merge("people", "s0", into="s9", undo_for=timedelta(hours=1))  # its faces have one revision
    index = make_index()
    catch_up(database, "people", Terms(RULE, choose_kernel()), at_once=4)  # 22 times, and in the middle of the last
    for by in (None, RULE):
        assert_same(index.search("people", PROBES, 99, by), in_memory.search("people", PROBES, 99, by))


def test_a_collection_created_again_holds_nothing_of_the_former(gallery, make_index):
    index = make_index()
    index.search("people", PROBES, 3, RULE)
    gallery.delete_collection("people")
    gallery.create_collection("people", model_id="other", pipeline_version=1, dimension=8)
    assert index.search("people", np.eye(8, dtype=np.float32)[:1], 3) == [[]]


def test_another_space_has_vectors_of_its_own(gallery, make_index, in_memory):
    index, target = make_index(), Space("model-b", 1, 8)
    index.search("people", PROBES, 3, RULE)
    gallery.spaces.begin("people", target)
    faces, _ = gallery.spaces.remaining("people", after=0, limit=100)
    gallery.spaces.add("people", target, [(face, unit(70 + n, 8)) for n, face in enumerate(faces)])
    assert gallery.spaces.switch("people", target, drop_missing=False).done
    probes = np.stack([unit(70, 8), unit(71, 8)])
    found = index.search("people", probes, 3)
    assert_same(found, in_memory.search("people", probes, 3))
    assert found[0][0].similarity > 0.999


def test_faces_enrolled_while_others_search_are_all_found(gallery, make_index):
    index = make_index()
    with ThreadPoolExecutor(4) as pool:
        for n in range(10):
            searches = [pool.submit(index.search, "people", PROBES, 3, RULE) for _ in range(3)]
            enroll(gallery, [(f"new {n}", unit(700 + n))], first=400 + n)
            assert index.search("people", unit(700 + n)[None], 1, RULE)[0][0].subject == f"new {n}"
            for one in searches:
                one.result()
