"""The command line over a small system: real database and photo folder, stand-in networks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner, Result

from tests.conftest import Small
from vultus.cli.command_table import app
from vultus.cli.context import CommandContext
from vultus.cli.opening import Openers, SelfTestRun, Vision
from vultus.config import Settings
from vultus.model_loading import SelfTest
from vultus.model_registry import ModelRegistry
from vultus.models.card import find_card, in_box_cards
from vultus.wiring.parts import System

Run = Callable[..., Result]
WIDE = {"COLUMNS": "200"}  # so that no sentence is broken in two
SELF_TEST = SelfTestRun(0.012, "cpu: as a test", "int8: as a test", (SelfTest("tiny", "int8", True, "agrees by 0.99"),))


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with data and models of its own and no settings of the operator."""
    for name in [name for name in os.environ if name.startswith("VULTUS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VULTUS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VULTUS_COMPUTE_SLOTS", "1")  # so that an import computes in this process
    monkeypatch.setenv("VULTUS_MODEL_DIR", str(tmp_path / "models"))
    return tmp_path


@pytest.fixture
def yunet_file(surroundings: Path) -> Path:
    """Where the converted YuNet will lie."""
    card = find_card(in_box_cards(), "yunet")
    assert card is not None
    return surroundings / "models" / card.files[0].output


@pytest.fixture
def run(small: Small, surroundings: Path) -> Run:
    """Runs a command on the small system."""

    @contextmanager
    def open_small(settings: Settings) -> Iterator[System]:
        parts: Any = small
        yield System(settings, parts.service, parts.keys, parts.gallery, parts.models, parts.service.context.pipeline)

    def run(*arguments: object, sent: str | None = None) -> Result:
        """sent: on standard input."""
        openers = Openers(
            open_system=open_small,
            open_worker=lambda settings, duties: open_small(settings),
            open_vision=lambda settings: Vision(small.service.context.pipeline, cast(ModelRegistry, small.models)),
            run_self_test=lambda settings: SELF_TEST,
        )
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, words, input=sent, obj=CommandContext(openers), env=WIDE)

    return run
