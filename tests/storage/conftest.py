"""A gallery on a real database, and a second `Database` on the same one, as another process would have.

Every test that uses them runs on SQLite and on PostgreSQL, unless it or its module is marked `sqlite` or
`postgres`: it is about that one, or about databases of releases that knew no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.migrated import open_migrated
from tests.postgres_server import PostgresServer
from tests.storage.synthetic import DIMENSION, MODEL
from vultus.storage.database import Database, open_database
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate

ENGINES = ["sqlite", "postgres"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "url" in metafunc.fixturenames:
        engines = [one for one in ENGINES if metafunc.definition.get_closest_marker(one)] or ENGINES
        metafunc.parametrize("url", engines, indirect=True)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database without tables, but for tests that take `database` too."""
    if getattr(request, "param", "sqlite") == "sqlite":  # other folders have these fixtures too
        yield f"sqlite:///{tmp_path / 'data' / 'vultus.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    has_tables = "database" in request.fixturenames
    name = server.create_database(*([request.getfixturevalue("migrated_postgres")] if has_tables else []))
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[Database]:
    if url.startswith("sqlite"):
        database = open_migrated(tmp_path / "data")
    else:
        database = open_database(url, tmp_path / "data" / "installation.key")
        migrate(database)
    yield database
    database.close()


@pytest.fixture
def other_database(database: Database, url: str) -> Iterator[Database]:
    other = open_database(url, database.installation_key.path)
    yield other
    other.close()


@pytest.fixture
def gallery(database: Database) -> Gallery:
    gallery = Gallery(database)
    gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    return gallery


@pytest.fixture
def other_gallery(gallery: Gallery, other_database: Database) -> Gallery:
    return Gallery(other_database)


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database)
