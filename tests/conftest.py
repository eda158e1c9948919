"""Fixtures: a small system with stand-in models for the logic, the real one for the real thing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.standins import FrameDetector, TinyModels
from vultus.config import Settings
from vultus.service import FaceService
from vultus.storage.database import open_engine
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations import migrate
from vultus.storage.photos import LocalPhotoStore
from vultus.storage.search import FlatIndex
from vultus.vision.pipeline import Pipeline, Slots
from vultus.wiring import System, open_system

LFW = Path(__file__).parents[2] / "shared" / "data" / "lfw"


@dataclass(frozen=True)
class Small:
    """A whole service over a real database and photo folder, with stand-in networks."""

    service: FaceService
    gallery: Gallery
    keys: KeyStore
    photos: LocalPhotoStore
    models: TinyModels
    detector: FrameDetector
    folder: Path


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    engine = open_engine(f"sqlite:///{tmp_path / 'vultus.db'}")
    migrate(engine)
    gallery, photos = Gallery(engine), LocalPhotoStore(tmp_path / "photos")
    models, detector = TinyModels(tmp_path), FrameDetector()
    pipeline = Pipeline(
        {"frames": detector}, models.embedder, default_detector="frames", slots=Slots(2, queue=8, wait_seconds=5)
    )
    service = FaceService(pipeline, models, gallery, photos, FlatIndex(gallery))
    yield Small(service, gallery, KeyStore(engine), photos, models, detector, tmp_path)
    engine.dispose()


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """Where prepared models lie: the operator's folder, so that they are converted once."""
    return Settings().model_dir


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[System]:
    """The real system on an empty data folder."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), model_dir=model_dir)
    with open_system(settings) as system:
        yield system


@pytest.fixture(scope="session")
def lfw() -> Path:
    """The folder of the LFW photos, where the checkout has one beside it."""
    folder = Path(os.environ.get("VULTUS_TEST_LFW", LFW))
    if not (folder / "pairs.csv").is_file():
        pytest.skip("the LFW photos are not beside this checkout")
    return folder
