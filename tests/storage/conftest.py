"""A gallery on a real SQLite file, and a second engine on the same file, as another process would have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.storage.synthetic import DIMENSION, MODEL
from vultus.storage.database import open_engine
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations import migrate


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'vultus.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def other_engine(engine: Engine, url: str) -> Iterator[Engine]:
    other = open_engine(url)
    yield other
    other.dispose()


@pytest.fixture
def gallery(engine: Engine) -> Gallery:
    gallery = Gallery(engine)
    gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    return gallery


@pytest.fixture
def other_gallery(gallery: Gallery, other_engine: Engine) -> Gallery:
    return Gallery(other_engine)


@pytest.fixture
def keys(engine: Engine) -> KeyStore:
    return KeyStore(engine)
