"""The weight files of the models: converts them and returns verified paths to load.

A source is used only if its SHA-256 is the card's, or the operator's where the card has none (`trusted_digests`). The
converted file and its int8 form are written once into the model folder (`prepared_file`).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from vultus.errors import ModelInvalid, ModelNotInstalled, StorageFailed
from vultus.files import READABLE_FOLDER, leftovers, locked, make_folders, read_regular
from vultus.models.card import Int8Ranges, ModelCard, ModelFile, find_card
from vultus.models.catalogue import known_cards
from vultus.models.importers import IMPORTERS, QUANTIZERS, Importer, Quantizer
from vultus.models.precision import Precision, cpu_flags, int8_weight_bits
from vultus.models.repository.digests import FileDigests, check_digest, unreadable
from vultus.models.repository.prepared_file import PreparedFile
from vultus.models.repository.proven_files import ProvenFiles
from vultus.models.repository.sources import FindInstalled, Sources, installed_file
from vultus.models.repository.trusted_digests import expected_digest, required_digest

log = logging.getLogger(__name__)

State = Literal["prepared", "available", "missing", "broken"]
WORST_FIRST: tuple[State, ...] = ("broken", "missing", "available", "prepared")
Making = tuple[PreparedFile, Callable[[], bytes]]


@dataclass(frozen=True)
class ModelStatus:
    """prepared: ready to load; available: can be prepared; missing: must be installed; broken: a wrong file.

    bytes: size of the float files that are loaded (prepared) or converted (available); 0 otherwise.
    """

    card: ModelCard
    state: State
    detail: str
    bytes: int


def open_store(folder: Path, digests: FileDigests | None = None) -> ModelStore:
    """The store of the cards that come with Vultus and of the operator's own cards in the model folder.

    digests: see `ModelStore`.
    """
    return ModelStore(folder, known_cards(folder), digests=digests)


class ModelStore:
    """The weight files of `cards`. folder: for converted and fetched files; made when it is first needed.

    Safe to use from several threads and processes.
    """

    def __init__(
        self,
        folder: Path,
        cards: Sequence[ModelCard],
        *,
        find_installed: FindInstalled = installed_file,
        importers: Mapping[str, Importer] = IMPORTERS,
        quantizer: Quantizer | None = None,
        proven: ProvenFiles | None = None,
        digests: FileDigests | None = None,
    ) -> None:
        """digests: of another store of this process, so that no file is read again. proven: what this installation
        made, where a data folder is in use; all else is made again before it is used. quantizer: None means the one
        whose int8 networks this processor computes without saturation.
        """
        self.folder = folder
        self.cards = tuple(cards)
        self.digests = digests or FileDigests()
        self.sources = Sources(folder, self.digests, find_installed)
        self._proven = proven
        self._importers = importers
        self._quantizer = quantizer or QUANTIZERS[int8_weight_bits(cpu_flags())]

    def prepare(self, card: ModelCard) -> dict[str, Path]:
        """Make the files that are not ready. Returns the verified paths of all float files of the card, by name.

        A file that is damaged, or made by an older importer, from another source or other ranges, is made again. The
        folder may hold the int8 form alone, without the float file and its source: a container image does.

        Raises: ModelNotInstalled when a source is not on this machine; ModelInvalid when a source is the wrong file
        or cannot be converted; StorageFailed when the model folder cannot be written.
        """
        if card.fused:
            for member in self.members(card):
                self.prepare(member)
        elif self._prove_all(card) and all(output.condition() == "ready" for output in self.prepared_files(card)):
            self._sweep_if_idle()
        elif not self.is_int8_alone(card):
            self._make_all(card)
        return {file.name: self._ready_path(card, file) for file in card.files}

    def path(self, card: ModelCard, file_name: str, precision: Precision = "fp32") -> Path:
        """The path of one file of the card, verified; nothing is converted.

        Raises: ModelNotInstalled with the command that helps; ModelInvalid when the file is not what it must be.
        """
        file = card.file(file_name)
        output = self._prepared_file(file) if precision == "fp32" else self._int8_file(card, file)
        if output is None:
            return self.sources.verified(card, file)
        condition = output.condition()
        if condition == "unproven":
            self._prove_all(card)
            condition = output.condition()
        if condition == "unproven":
            raise ModelInvalid(
                f"{output.path} is not what its source gives; remove it, and run: vultus models prepare {card.id}"
            )
        if condition == "damaged":
            raise ModelInvalid(output.damage(card.id))
        if condition != "ready":
            if precision == "fp32" and self.is_int8_alone(card):
                raise ModelNotInstalled(
                    f"{card.id} was prepared for int8 alone; set VULTUS_PRECISION=int8, or build the image with "
                    f"PRECISION=auto, or {self.sources.how_to_install(card, file)}"
                )
            self._ready_or_source(card, file)  # raises with what to install where there is nothing to prepare from
            raise ModelNotInstalled(f"{card.id} is not prepared; run: vultus models prepare {card.id}")
        return output.path

    def status(self, card: ModelCard) -> ModelStatus:
        """The state of the model, from its files, which are read and verified; a fault of the model is not raised."""
        if card.fused:
            return self._fused_status(card)
        try:
            conditions = [(output, output.condition()) for output in self.prepared_files(card)]
            damaged = [output for output, condition in conditions if condition == "damaged"]
            if damaged:
                return ModelStatus(card, "broken", damaged[0].damage(card.id), 0)
            if self.is_int8_alone(card):
                size = self._int8_file(card, card.files[0]).path.stat().st_size
                return ModelStatus(card, "prepared", f"{card.id} is ready to load, in int8 alone", size)
            size = sum(self._ready_or_verified_source(card, file).stat().st_size for file in card.files)
        except ModelNotInstalled as exc:
            return ModelStatus(card, "missing", str(exc), 0)
        except (ModelInvalid, OSError) as exc:
            return ModelStatus(card, "broken", str(exc), 0)
        if all(condition in ("ready", "unproven") for _, condition in conditions):  # proven when it is loaded
            return ModelStatus(card, "prepared", f"{card.id} is ready to load", size)
        return ModelStatus(card, "available", f"run: vultus models prepare {card.id}", size)

    def _fused_status(self, card: ModelCard) -> ModelStatus:
        """The state of a fused model: that of its worst member."""
        try:
            members = [self.status(member) for member in self.members(card)]
        except ModelInvalid as exc:
            return ModelStatus(card, "broken", str(exc), 0)
        worst = min(members, key=lambda status: WORST_FIRST.index(status.state))
        detail = f"{card.id} is ready to load" if worst.state == "prepared" else worst.detail
        return ModelStatus(card, worst.state, detail, sum(status.bytes for status in members))

    def members(self, card: ModelCard) -> tuple[ModelCard, ...]:
        """The cards whose files are loaded for a card: itself, or the members of a fused one. Raises: ModelInvalid."""
        found = [find_card(self.cards, name) for name, _ in card.fused]
        missing = [name for (name, _), member in zip(card.fused, found, strict=True) if member is None]
        if missing:
            raise ModelInvalid(f"{card.id} is made up of {missing[0]!r}, and there is no such card; mend its [fused]")
        return tuple(member for member in found if member is not None) or (card,)

    def statuses(self) -> tuple[ModelStatus, ...]:
        """The status of every card, in the order given."""
        return tuple(self.status(card) for card in self.cards)

    def prepared_files(self, card: ModelCard) -> tuple[PreparedFile, ...]:
        """All files that `prepare` makes for the card."""
        made = [self._prepared_file(file) for file in card.files]
        quantised = [self._int8_file(card, card.files[0])] if card.int8 else []
        return tuple(output for output in (*made, *quantised) if output is not None)

    @contextlib.contextmanager
    def writing(self, card: ModelCard) -> Iterator[None]:
        """Make the folder, hold its lock, and remove half-written files of processes that died.

        Raises: StorageFailed when the folder cannot be written, also for an OSError inside the `with` block.
        """
        try:
            make_folders(self.folder, mode=READABLE_FOLDER)
            with locked(self.folder):
                self._sweep()
                yield
        except OSError as exc:
            raise StorageFailed(
                f"{card.id} could not be prepared in the model folder {self.folder}: {exc.strerror or exc}; "
                f"{self._for_other_processors(card)}make room there, or make the folder writable, or set "
                "VULTUS_MODEL_DIR to another one"
            ) from exc

    def _for_other_processors(self, card: ModelCard) -> str:
        """That the folder holds the int8 form for processors of another kind alone, as part of a sentence, or nothing.

        Such a folder worked where it was prepared, with VNNI or without.
        """
        if card.int8 is None:
            return ""
        wanted = card.int8.output_name(self._quantizer.weight_bits)
        others = [card.int8.output_name(bits) for bits in QUANTIZERS if bits != self._quantizer.weight_bits]
        there = [name for name in others if (self.folder / name).exists()]
        if not there or (self.folder / wanted).exists():
            return ""
        return f"it was prepared on another kind of processor ({there[0]}), and this one needs {wanted}; "

    # --- prepared files -------------------------------------------------------------------------------------------

    def _prepared_file(self, file: ModelFile) -> PreparedFile | None:
        """The converted file; None where the source itself is loaded."""
        if file.importer == "none":
            return None
        path, recipe, must = self.folder / file.output, self._recipe(file), file.converted_sha256
        return PreparedFile(path, recipe, must, self.digests, self._proven, file.known_sha256)

    def _int8_file(self, card: ModelCard, file: ModelFile) -> PreparedFile:
        if card.int8 is None or file is not card.files[0]:
            raise ModelInvalid(f"{card.id} has no int8 form of {file.name}; its card would need the table [int8]")
        recipe = {
            **self._recipe(file),
            "quantizer_version": self._quantizer.version,
            "ranges_sha256": card.int8.digest(),
        }
        bits = self._quantizer.weight_bits
        if bits != 8:  # 8-bit files of earlier releases have no such field, and stay ready
            recipe["weight_bits"] = bits
        path, known = self.folder / card.int8.output_name(bits), card.int8.known_sha256(bits)
        return PreparedFile(path, recipe, None, self.digests, self._proven, known)

    def is_int8_alone(self, card: ModelCard) -> bool:
        """Whether the int8 form of the card is ready, and neither its float file nor the source of it is here."""
        if card.int8 is None or self._int8_file(card, card.files[0]).condition() != "ready":
            return False
        made = self._prepared_file(card.files[0])
        return made is not None and made.condition() == "absent" and not self.sources.here(card, card.files[0])

    def _recipe(self, file: ModelFile) -> dict[str, object]:
        """Everything that decides the output's content; when it changes, the file is made again."""
        return {
            "source_sha256": expected_digest(self.folder, file),
            "importer": file.importer,
            "importer_version": self._importers[file.importer].version if file.importer != "none" else 0,
            "dynamic_axes": [list(axis) for axis in file.dynamic_axes],
        }

    def _prove_all(self, card: ModelCard) -> bool:
        """Make unproven files of the card again, in memory: whether they are what their sources give."""
        return all(output.condition() != "unproven" or output.prove(make()) for output, make in self._makings(card))

    def _make_all(self, card: ModelCard) -> None:
        log.info("preparing %s, once for all data folders; this may take a minute on a slow machine", card.id)
        with self.writing(card):
            for output, make in self._makings(card):
                # Another process may have made it while this one waited for the lock.
                if output.condition() != "ready":
                    output.write(make())

    def _makings(self, card: ModelCard) -> Iterator[Making]:
        for file in card.files:
            output = self._prepared_file(file)
            if output is not None:
                yield output, partial(self._converted, card, file)
        if card.int8 is not None:
            yield self._int8_file(card, card.files[0]), partial(self._quantised, card, card.int8)

    def _converted(self, card: ModelCard, file: ModelFile) -> bytes:
        source = self.sources.find(card, file)
        expected = required_digest(self.folder, card.id, file)
        # Digest and conversion of the same bytes: the file may change between two readings.
        data = _read(source)
        check_digest(source, hashlib.sha256(data).hexdigest(), expected, "remove it and install it again")
        return self._importers[file.importer].convert(data, dict(file.dynamic_axes))

    def _quantised(self, card: ModelCard, int8: Int8Ranges) -> bytes:
        path = self._ready_path(card, card.files[0])
        data = _read(path) if path.is_file() else self._converted(card, card.files[0])
        return self._quantizer.convert(data, int8.bounds())

    # --- float files ----------------------------------------------------------------------------------------------

    def _ready_path(self, card: ModelCard, file: ModelFile) -> Path:
        output = self._prepared_file(file)
        return self.sources.verified(card, file) if output is None else output.path

    def _ready_or_source(self, card: ModelCard, file: ModelFile) -> Path:
        output = self._prepared_file(file)
        return output.path if output and output.condition() == "ready" else self.sources.find(card, file)

    def _ready_or_verified_source(self, card: ModelCard, file: ModelFile) -> Path:
        output = self._prepared_file(file)
        made = output is not None and output.condition() in ("ready", "unproven")
        return output.path if output and made else self.sources.verified(card, file)

    # --- half-written files ---------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        for path in leftovers(self.folder):
            path.unlink(missing_ok=True)

    def _sweep_if_idle(self) -> None:
        # A folder that cannot be written, or whose lock another process holds, is left as it is.
        if leftovers(self.folder):
            with contextlib.suppress(OSError), locked(self.folder, wait=False):
                self._sweep()


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as exc:
        raise unreadable(path, exc) from exc
