"""Fixtures: a small system with stand-in models for the logic, the real one for the real thing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.migrated import open_migrated
from tests.postgres_server import PostgresServer, running_postgres
from tests.standins import FrameDetector, TinyModels
from vultus.config import Settings
from vultus.search.index import FlatIndex
from vultus.search.kernels import Kernel, choose_kernel
from vultus.search.shared_segments import SharedSegments
from vultus.service import FaceService, ServiceContext
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate
from vultus.storage.photos import LocalPhotoStore, PhotoStore
from vultus.vision.compute_slots import ComputeSlots, compute_in_calling_thread
from vultus.vision.pipeline import Pipeline
from vultus.wiring.open_system import open_system
from vultus.wiring.parts import System


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Soak tests run only when asked for by their marker."""
    if "soak" not in config.getoption("-m"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


LFW = Path(__file__).parents[2] / "shared" / "data" / "lfw"


@dataclass(frozen=True)
class Small:
    """A whole service over a real database and photo folder, with stand-in networks."""

    service: FaceService
    gallery: Gallery
    keys: KeyStore
    photos: PhotoStore
    models: TinyModels
    detector: FrameDetector
    folder: Path


@cache
def tested_kernel() -> Kernel:
    """The kernel of this machine, whose self-test takes longer than many a test."""
    return choose_kernel()


@contextmanager
def open_small(
    folder: Path,
    *,
    slots: ComputeSlots | None = None,
    url: str | None = None,
    photos: PhotoStore | None = None,
    shared: SharedSegments | None = None,
) -> Iterator[Small]:
    """The small service in a folder; what an earlier one left there is still there.

    url: of another database. photos: None: in the folder. shared: see `FlatIndex`.
    """
    database = open_migrated(folder) if url is None else open_database(url, folder / "installation.key")
    if url is not None:
        migrate(database)
    gallery, photos = Gallery(database), photos or LocalPhotoStore(folder / "photos")
    models, detector = TinyModels(folder), FrameDetector()
    compute_in_calling_thread()
    pipeline = Pipeline(
        {"frames": detector},
        default_detector="frames",
        stood_in_for=("opencv", "retinaface"),
        slots=slots or ComputeSlots(2, queue=8, wait_seconds=5),
    )
    service = FaceService(
        ServiceContext(pipeline, models, gallery, photos, FlatIndex(gallery, kernel=tested_kernel(), shared=shared))
    )
    yield Small(service, gallery, KeyStore(database), photos, models, detector, folder)
    database.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    with open_small(tmp_path) as parts:
        yield parts


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, one for each process that runs tests."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with all tables, to be copied."""
    name = postgres.create_database()
    key_file = tmp_path_factory.mktemp("migrated") / "installation.key"
    with closing(open_database(postgres.url(name), key_file)) as database:
        migrate(database)
    return name


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
