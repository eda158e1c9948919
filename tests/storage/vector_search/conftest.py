"""A gallery on a PostgreSQL with pgvector, and the two indexes over it: in memory and in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.postgres_server import PostgresServer
from tests.storage.synthetic import DIMENSION, MODEL
from tests.storage.vector_search.faces import PEOPLE, enroll, ordinary
from vultus.search.index import FlatIndex
from vultus.storage.database import Database, open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate
from vultus.storage.vector_search.database_index import DatabaseIndex

MakeIndex = Callable[..., DatabaseIndex]


@pytest.fixture(scope="module")
def template(postgres: PostgresServer) -> str:
    """A database with the extension and the collection `people`."""
    name = postgres.create_database()
    postgres.execute("CREATE EXTENSION vector", database=name)
    with closing(open_database(postgres.url(name))) as database:
        migrate(database)
        gallery = Gallery(database)
        gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
        enroll(gallery, ordinary(3 * PEOPLE))
    return name


@pytest.fixture
def url(postgres: PostgresServer, template: str) -> Iterator[str]:
    name = postgres.create_database(template)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[Database]:
    database = open_database(url, tmp_path / "installation.key")
    yield database
    database.close()


@pytest.fixture
def make_index(gallery: Gallery, database: Database) -> Iterator[MakeIndex]:
    """Makes indexes in the database; by default without HNSW."""
    made: list[DatabaseIndex] = []

    def make(**options: Any) -> DatabaseIndex:
        made.append(DatabaseIndex(database, gallery, **{"hnsw_from_faces": 0, "ef_search": 100} | options))
        return made[-1]

    yield make
    for index in made:
        index.close()


@pytest.fixture
def in_memory(gallery: Gallery) -> FlatIndex:
    return FlatIndex(gallery)
