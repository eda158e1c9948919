"""Which prepared files this installation made itself, or made again and found to be the same.

The side-car of a prepared file can be edited along with it. So an installation keeps, in its data folder, a line with a
seal by its key for each file that it knows: over the recipe and the SHA-256 of the result. A prepared file that is not
known is made again from its source, whose digest the card has, before it is used.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vultus.errors import StorageFailed
from vultus.files import PRIVATE, read_regular, write_whole
from vultus.installation_key import InstallationKey

FILE_NAME = "model-seals"
_MOST_LINES = 1000  # the newest; a file whose line was dropped is made again


class ProvenFiles:
    """The known files of one installation. Safe to use from several threads."""

    def __init__(self, file: Path, key: InstallationKey) -> None:
        self._file, self._key = file, key
        self._lock = threading.Lock()

    def knows(self, recipe: Mapping[str, Any], sha256: str) -> bool:
        """Whether a file of this recipe with this digest was made here. Raises: StorageFailed."""
        return self._seal(recipe, sha256) in self._lines()

    def add(self, recipe: Mapping[str, Any], sha256: str) -> None:
        """Know a file from now on. Raises: StorageFailed."""
        with self._lock:
            lines = [*self._lines(), self._seal(recipe, sha256)][-_MOST_LINES:]
            try:
                write_whole(self._file, "".join(f"{line}\n" for line in lines).encode("ascii"), mode=PRIVATE)
            except OSError as exc:
                problem = f"{self._file} cannot be written: {exc.strerror or exc}; let this user write there"
                raise StorageFailed(problem) from exc

    def _seal(self, recipe: Mapping[str, Any], sha256: str) -> str:
        return self._key.seal("model", json.dumps(recipe, sort_keys=True), sha256).hex()

    def _lines(self) -> list[str]:
        try:
            return read_regular(self._file).decode("ascii", "replace").split()
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise StorageFailed(f"{self._file} cannot be read: {exc.strerror or exc}; let this user read it") from exc
