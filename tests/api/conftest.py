"""A client of the HTTP application around a stand-in system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInService, StandInSystem
from tests.conftest import Small
from vultus.api.app import create_app
from vultus.config import Settings
from vultus.records.stored import SCOPES
from vultus.wiring.parts import System

LIMITS: dict[str, Any] = {
    "max_body_bytes": 20_000,
    "max_image_bytes": 5_000,
    "max_enroll_images": 3,
    "compute_slots": 2,
    "queue_size": 2,
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Settings:
    monkeypatch.chdir(tmp_path)  # no .env of this machine
    return Settings(**LIMITS)


@pytest.fixture
def system(settings: Settings) -> StandInSystem:
    return StandInSystem(settings)


@pytest.fixture
def service(system: StandInSystem) -> StandInService:
    stand_in: StandInService = system.service
    return stand_in


@pytest.fixture
def anonymous(system: StandInSystem) -> Iterator[TestClient]:
    """A client without a key."""
    with TestClient(create_app(system)) as client:
        yield client


@pytest.fixture
def client(anonymous: TestClient, key: Callable[..., str]) -> TestClient:
    """A client with an admin key."""
    anonymous.headers["x-api-key"] = key("admin")
    return anonymous


@pytest.fixture
def whole(small: Small, settings: Settings) -> System:
    """The small system, with its real database, photo folder and tiny network, as the application takes it."""
    larger = settings.model_copy(update={"max_body_bytes": 2_000_000, "max_image_bytes": 1_000_000})
    parts: Any = small
    return System(larger, parts.service, parts.keys, parts.gallery, parts.models, parts.service.context.pipeline)


@pytest.fixture
def small_client(whole: System) -> Iterator[TestClient]:
    """A client of the small system with an admin key."""
    _, secret = whole.keys.create("test", SCOPES)
    with TestClient(create_app(whole), headers={"x-api-key": secret}) as http:
        yield http


@pytest.fixture
def key(system: StandInSystem) -> Callable[..., str]:
    """Makes a key with these scopes and returns its secret."""

    def make(*scopes: Any, **limits: Any) -> str:
        return system.keys.create("test", scopes, **limits)[1]

    return make
