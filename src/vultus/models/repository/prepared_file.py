"""A file made by an importer or the quantiser, with the side-car `<output>.json` that holds its recipe.

The side-car detects damage and old versions. Against someone who may write to the folder, `proven_files` protects.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vultus.files import read_regular, write_whole
from vultus.models.repository.digests import FileDigests, check_digest
from vultus.models.repository.proven_files import ProvenFiles

Condition = Literal["ready", "unproven", "damaged", "stale", "absent"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedFile:
    """A made file. recipe: everything that decides its content; expected_sha256: of the result, where it is known.

    known_sha256: of the result as it mostly is; such a file is believed, another one has to be proven.

    proven: the files that this installation made; None: the side-car is believed, as no data folder is in use.
    """

    path: Path
    recipe: Mapping[str, Any]
    expected_sha256: str | None
    digests: FileDigests
    proven: ProvenFiles | None = None
    known_sha256: str | None = None

    @property
    def sidecar(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def condition(self) -> Condition:
        """Whether it is ready, unproven (perhaps not of its source), damaged (changed since), stale or absent.

        Stale: of another recipe. Raises: ModelInvalid, StorageFailed.
        """
        record = self._record()
        made_sha256 = record.pop("output_sha256", None)
        if not self.path.is_file():
            return "absent"
        if record != self.recipe or self.expected_sha256 not in (None, made_sha256):
            return "stale"
        if self.digests.of(self.path) != made_sha256:
            return "damaged"
        published = self.expected_sha256 is not None or made_sha256 == self.known_sha256
        known = published or self.proven is None or self.proven.knows(self.recipe, made_sha256)
        return "ready" if known else "unproven"

    def damage(self, model_id: str) -> str:
        """What is wrong with a damaged file, in words."""
        return (
            f"{self.path} has changed since it was prepared: its SHA-256 is {self.digests.of(self.path)}, not "
            f"{self._record().get('output_sha256')}; run: vultus models prepare {model_id}"
        )

    def prove(self, data: bytes) -> bool:
        """Compare the file with what its source gives; the same is known from now on, and no more unproven."""
        sha256 = hashlib.sha256(data).hexdigest()
        same = self.digests.of(self.path) == sha256
        if same and self.proven is not None:
            self.proven.add(self.recipe, sha256)
        return same

    def write(self, data: bytes) -> None:
        """Write the file and its side-car. Raises: OSError; ModelInvalid when its SHA-256 is not the expected one."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self.expected_sha256 is not None:
            check_digest(self.path, sha256, self.expected_sha256, "the card or the importer is wrong: report it")
        if self.path.exists():
            _log.warning("%s is old or damaged and is made again", self.path.name)
        # The side-car last: a crash between the two leaves a file that counts as stale or damaged, and is made again.
        write_whole(self.path, data)
        write_whole(self.sidecar, json.dumps({**self.recipe, "output_sha256": sha256}, indent=2).encode())
        if self.proven is not None:
            self.proven.add(self.recipe, sha256)
        _log.info("%s prepared, %d bytes", self.path.name, len(data))

    def _record(self) -> dict[str, Any]:
        """The side-car's content; empty when it is absent or unreadable."""
        try:
            record = json.loads(read_regular(self.sidecar))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}
