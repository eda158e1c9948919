"""vultus search-recall."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import open_small
from tests.standins import DIMENSIONS, TINY
from vultus.records.seen import ModelEmbedding
from vultus.records.stored import NewFace
from vultus.service import FaceService
from vultus.storage.vector_search.database_index import DatabaseIndex

FACES = 60


@pytest.fixture
def url(postgres):
    name = postgres.create_database()
    postgres.execute("CREATE EXTENSION vector", database=name)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def small(url, tmp_path):
    """The small system on PostgreSQL, which searches in the database, with an index from FACES faces on."""
    with open_small(tmp_path, url=url) as parts:
        gallery = parts.gallery
        index = DatabaseIndex(gallery._database, gallery, hnsw_from_faces=FACES, ef_search=100, background=False)
        service = FaceService(replace(parts.service.context, index=index))
        yield replace(parts, service=service)
        index.close()


def enroll(small, collection: str, count: int) -> None:
    small.gallery.create_collection(collection, model_id=TINY, pipeline_version=1, dimension=DIMENSIONS[TINY])
    rows = np.random.default_rng(1).standard_normal((count, DIMENSIONS[TINY]))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    embeddings = [ModelEmbedding(row.astype(np.float32), TINY) for row in rows]
    faces = [(f"s{n}", NewFace(one, None, f"{n:064x}")) for n, one in enumerate(embeddings)]
    small.gallery.add_faces_of_several(collection, faces)


@pytest.fixture
def in_the_database(surroundings, url, monkeypatch):
    monkeypatch.setenv("VULTUS_DATABASE_URL", url)
    monkeypatch.setenv("VULTUS_SEARCH", "database")
    monkeypatch.setenv("VULTUS_HNSW_EF_SEARCH", "100")


def test_the_index_is_built_and_its_recall_said_and_stored(run, small, in_the_database):
    enroll(small, "many", FACES)
    answer = run("search-recall", "many", "--probes", 10, "--top-k", 5)
    assert answer.exit_code == 0, answer.output
    assert "60 faces, ef_search 100, 10 probes of each kind" in answer.stdout
    assert "recall@5  1.0000 of both" in answer.stdout
    assert "searches use the index. It is stored for all servers." in answer.stdout
    small.service.context.index.prepare("many", None)
    small.service.context.index.search("many", np.eye(DIMENSIONS[TINY], dtype=np.float32)[:1], 1)
    assert small.service.galleries.search_state("many").kind == "hnsw"
    found = json.loads(run("search-recall", "many", "--probes", 10, "--json").stdout)
    assert (found["in_use"], found["faces"], found["recall"]["mated"], found["at_k"]) == (True, FACES, 1.0, 1.0)


def test_a_small_collection_is_searched_exactly(run, small, in_the_database):
    enroll(small, "few", 9)
    answer = run("search-recall", "few")
    assert answer.exit_code == 1
    assert "has 9 faces and is searched exactly: its recall is 1" in answer.stderr


def test_in_memory_it_says_where_the_recall_is(run, small, surroundings):
    answer = run("search-recall", "many")
    assert answer.exit_code == 1
    assert "VULTUS_SEARCH is memory" in answer.stderr
