"""Photos for the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import pictures


@pytest.fixture
def photo(surroundings):
    """Writes a drawn photo of these people and answers its path."""

    def write(*people: int, photo: int = 0) -> Path:
        path = surroundings / f"photo-{'-'.join(map(str, people)) or 'empty'}-{photo}.png"
        path.write_bytes(pictures.drawn_photo(*people, noise=1.0, photo=photo))
        return path

    return write
