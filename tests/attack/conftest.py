"""A small system that lives as long as a module: what one attack leaves behind, the next one finds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from tests.conftest import open_small
from vultus.api.app import create_app
from vultus.config import Settings
from vultus.records.stored import SCOPES
from vultus.wiring.parts import System


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("attacked")
    with pytest.MonkeyPatch.context() as patch, open_small(folder) as small:
        for name in [name for name in os.environ if name.startswith("VULTUS_")]:
            patch.delenv(name)
        patch.chdir(folder)  # no .env of this machine
        parts: Any = small
        yield System(
            Settings(data_dir=folder),
            parts.service,
            parts.keys,
            parts.gallery,
            parts.models,
            parts.service.context.pipeline,
        )


@pytest.fixture(scope="module")
def app(target: System) -> FastAPI:
    return create_app(target)


@pytest.fixture(scope="module")
def headers(target: System) -> dict[str, str]:
    """The headers of a caller who may do everything."""
    return {"x-api-key": target.keys.create("attacker", SCOPES)[1]}
