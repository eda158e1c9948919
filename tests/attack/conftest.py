"""A small system that lives as long as a module: what one attack leaves behind, the next one finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from tests.attack.small_target import small_target
from vultus.api.app import create_app
from vultus.records.stored import SCOPES
from vultus.wiring.parts import System


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with small_target(tmp_path_factory.mktemp("attacked")) as system:
        yield system


@pytest.fixture(scope="module")
def app(target: System) -> FastAPI:
    return create_app(target)


@pytest.fixture(scope="module")
def headers(target: System) -> dict[str, str]:
    """The headers of a caller who may do everything."""
    return {"x-api-key": target.keys.create("attacker", SCOPES)[1]}
