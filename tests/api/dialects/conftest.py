"""One small system with the application around it for all tests of a file; each begins without anybody enrolled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import LIMITS
from tests.conftest import Small, open_small
from vultus.api.app import create_app
from vultus.config import Settings
from vultus.wiring.parts import System

KINDS: tuple[Any, ...] = ("compreface-recognition", "compreface-detection", "compreface-verification")


@pytest.fixture(scope="module")
def shared_small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with open_small(tmp_path_factory.mktemp("data")) as parts:
        yield parts


@pytest.fixture(scope="module")
def shared(shared_small: Small) -> System:
    """The small system as the application takes it."""
    limits = LIMITS | {"max_body_bytes": 2_000_000, "max_image_bytes": 1_000_000}
    parts: Any = shared_small
    settings = Settings(_env_file=None, **limits)
    return System(settings, parts.service, parts.keys, parts.gallery, parts.models, parts.service.context.pipeline)


@pytest.fixture(scope="module")
def uuids(shared: System) -> dict[str, str]:
    """A key of CompreFace's for each service, bound to the collection people."""
    keys = {kind: str(uuid4()) for kind in KINDS}
    for kind, secret in keys.items():
        scopes: Any = ("enroll", "verify", "find", "represent", "read", "erase")
        shared.keys.register(kind, kind, secret, scopes, collections=["people"])
    return keys


@pytest.fixture(scope="module")
def http(shared: System) -> Iterator[TestClient]:
    """A client without a key."""
    with TestClient(create_app(shared)) as client:
        yield client


@pytest.fixture
def nobody(shared: System) -> None:
    """Nobody is enrolled yet."""
    for collection in shared.service.galleries.collections():
        shared.service.galleries.delete_collection(collection.name)
