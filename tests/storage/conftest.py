"""A gallery on a real SQLite file, and a second `Database` on the same file, as another process would have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.synthetic import DIMENSION, MODEL
from vultus.storage.database import Database, open_database
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'vultus.db'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = open_database(url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def other_database(database: Database, url: str) -> Iterator[Database]:
    other = open_database(url)
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
