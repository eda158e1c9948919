"""The small system that attacks are made on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import open_small
from vultus.config import Settings
from vultus.wiring.parts import System


@contextmanager
def small_target(folder: Path) -> Iterator[System]:
    """The stand-ins of `open_small` as a system of default settings, with its data in the folder."""
    with pytest.MonkeyPatch.context() as patch, open_small(folder) as small:
        for name in [name for name in os.environ if name.startswith("VULTUS_")]:
            patch.delenv(name)
        patch.chdir(folder)  # no .env of this machine
        parts: Any = small
        pipeline = parts.service.context.pipeline
        yield System(Settings(data_dir=folder), parts.service, parts.keys, parts.gallery, parts.models, pipeline)
