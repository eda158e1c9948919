"""The HNSW index: when it is built, what is known of its recall, and that collections do not take from each other."""

from __future__ import annotations

import numpy as np
import pytest

from tests.search.relative import rule_of
from tests.storage.synthetic import DIMENSION, MODEL, unit
from tests.storage.vector_search.faces import PEOPLE, enroll
from vultus.storage.vector_search.candidates import NEAREST
from vultus.storage.vector_search.half_vectors import HalfVector
from vultus.storage.vector_search.hnsw_tables import index_name, known_indexes, use_index

pytestmark = pytest.mark.postgres
FACES = 3 * PEOPLE
RULE = rule_of()
PROBES = np.stack([unit(0), unit(1), unit(2)])


def indexes(database) -> dict[str, bool]:
    with database.cursor() as cursor:
        return known_indexes(cursor)


def built(make_index, **options):
    """An index in the database whose HNSW index is built and in use."""
    index = make_index(**{"hnsw_from_faces": FACES, "probes": 10} | options)
    index.search("people", PROBES, 3, RULE)
    index.wait(60)
    index.search("people", PROBES, 3, RULE)
    return index


def test_below_its_size_a_collection_is_searched_exactly(make_index, database):
    index = built(make_index, hnsw_from_faces=FACES + 1)
    assert (index.state("people").kind, indexes(database)) == ("exact", {})


def plan(database, index, ef: int | None) -> str:
    """How PostgreSQL runs the statement of a search."""
    vector = "vector" if ef is None else f"vector::halfvec({DIMENSION})"
    statement = NEAREST.format(vector=vector, pk=index.read_state("people").mark.collection_pk)
    with database.cursor() as cursor:
        if ef is not None:
            use_index(cursor, ef)
        cursor.execute(f"EXPLAIN {statement}", {"probe": HalfVector(PROBES[0]), "count": 20})
        return "\n".join(line for (line,) in cursor.fetchall())


def test_from_its_size_on_an_index_answers_with_its_recall(make_index, database, in_memory):
    index = built(make_index)
    state, (loaded,) = index.state("people"), index.loaded()
    assert (state.kind, state.faces, state.candidates, state.building) == ("hnsw", FACES, 100, False)
    assert 0.99 <= state.recall.least <= 1
    assert (loaded.kind, loaded.faces, loaded.recall, loaded.refused) == ("hnsw", FACES, state.recall.least, False)
    found, wanted = (one.search("people", PROBES, 3, RULE) for one in (index, in_memory))
    assert [[line.face_id for line in lines] for lines in found] == [[line.face_id for line in row] for row in wanted]
    assert index_name(index.read_state("people").mark.collection_pk) in plan(database, index, 100)
    assert "hnsw" not in plan(database, index, None)


def test_another_server_knows_the_recall_that_one_measured(make_index):
    built(make_index)
    other = make_index(hnsw_from_faces=FACES, background=False)
    other.search("people", PROBES, 1)
    assert other.state("people").kind == "hnsw"


def test_changes_are_found_through_the_index(gallery, make_index):
    index = built(make_index)
    enroll(gallery, [("new", unit(0))], first=400)
    assert index.search("people", PROBES[:1], 1, RULE)[0][0].subject == "new"
    gallery.delete_subject("people", "new")
    (found,) = index.search("people", PROBES[:1], 99, RULE)
    assert "new" not in [line.subject for line in found]
    assert len(found) == PEOPLE


def test_a_small_collection_beside_a_large_one_loses_no_recall(gallery, make_index):
    gallery.create_collection("few", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    far = [(f"far {n}", -unit(0) + 0.6 * unit(800 + n)) for n in range(FACES)]
    enroll(gallery, far, first=500, collection="few")  # every face of the other is nearer to the probe
    index = built(make_index, ef_search=100)
    index.search("few", PROBES, 1, RULE)
    index.wait(60)
    (found,) = index.search("few", PROBES[:1], 20, RULE)
    assert index.state("few").kind == "hnsw"
    assert {line.subject.split()[0] for line in found} == {"far"}
    assert len(found) == 20


def test_an_index_with_another_ef_search_is_measured_again(make_index):
    built(make_index)
    other = make_index(hnsw_from_faces=FACES, ef_search=40, background=False)
    other.search("people", PROBES, 1)
    assert other.state("people").kind == "exact"  # until it is


def test_the_index_of_an_erased_collection_goes(gallery, make_index, database):
    built(make_index)
    (first,) = indexes(database)
    gallery.delete_collection("people")
    gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    enroll(gallery, [(f"new {n}", unit(n)) for n in range(FACES)], first=500)
    built(make_index)
    (second,) = indexes(database)
    assert second != first
    assert first.startswith(index_name(1)[:-1])


def test_a_half_built_index_is_built_again(make_index, database):
    built(make_index)
    (name,) = indexes(database)
    with database.writing() as connection:  # as a crash in the middle leaves it
        connection.exec_driver_sql(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass")
        connection.exec_driver_sql("UPDATE search_collections SET recall_mated = NULL")
    index = built(make_index)
    assert index.state("people").kind == "hnsw"


def test_an_index_that_finds_too_little_is_not_used(make_index, database):
    built(make_index)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE search_collections SET recall_non_mated = 0.5")
    index = make_index(hnsw_from_faces=FACES, background=False)
    index.search("people", PROBES, 1)
    assert index.state("people").kind == "exact"
    assert [one.refused for one in index.loaded()] == [True]


def test_measured_recall_counts_what_is_missed(make_index):
    index = built(make_index)
    found = index.background.measure_index("people", RULE, probes=20, k=10)
    assert found.at_k >= 0.99
    assert found.recall.least >= 0.99
    assert (found.probes, found.k) == (20, 10)
    assert min(found.exact_seconds, found.index_seconds) > 0
