"""Model cards: what a model is, where its weights come from, what it must be fed. Read from TOML, strictly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal, cast

from vultus.errors import ModelInvalid
from vultus.models.fields import Fields, parse_toml
from vultus.models.int8_ranges import Int8, read_int8
from vultus.models.parts import (
    Accuracy,
    Calibration,
    FileSource,
    Licence,
    ModelFile,
    PackageSource,
    Source,
    UrlSource,
    read_accuracy,
    read_calibration,
    read_crop,
    read_file,
    read_fused,
    read_input,
    read_licence,
    read_norm_range,
    read_plain_name,
)
from vultus.records import CropRule, InputRule

__all__ = [
    "Accuracy",
    "Calibration",
    "FileSource",
    "Int8",
    "Licence",
    "ModelCard",
    "ModelFile",
    "PackageSource",
    "Source",
    "Task",
    "UrlSource",
    "find_card",
    "in_box_cards",
    "parse_card",
    "read_card",
    "refuse_shared_names",
]

Task = Literal["recognition", "detection", "landmarks"]


@dataclass(frozen=True)
class ModelCard:
    """One model. input: width and height 0 mean any size. pipeline_version counts up when preprocessing changes.

    int8: how its first file becomes an int8 one; None where nobody measured that.
    norm_range: lengths of the raw embedding that mean recognisability 0 and 100; None where they tell nothing.
    fused: (id of a recognition card, weight) of the models that make up this one; it then has no files of its own.
    """

    id: str
    title: str
    task: Task
    architecture: str
    pipeline_version: int
    licence: Licence
    accuracy: Accuracy
    input: InputRule | None = None
    files: tuple[ModelFile, ...] = ()
    aliases: tuple[str, ...] = ()
    crop: CropRule | None = None
    output_dimension: int | None = None
    calibration: Calibration | None = None
    int8: Int8 | None = None
    fused: tuple[tuple[str, float], ...] = ()
    norm_range: tuple[float, float] | None = None

    def file(self, name: str) -> ModelFile:
        """The file called `name`. Raises: ModelInvalid when the card has none."""
        for file in self.files:
            if file.name == name:
                return file
        listed = ", ".join(file.name for file in self.files)
        raise ModelInvalid(f"model {self.id} has no file {name!r}; it has {listed}")


def in_box_cards() -> tuple[ModelCard, ...]:
    """The cards that come with Vultus, by id. Raises: ModelInvalid when one is malformed or two share a name."""
    folder = resources.files("vultus.models") / "cards"
    texts = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml")}
    cards = tuple(parse_card(text, name) for name, text in sorted(texts.items()))
    refuse_shared_names(cards)
    return cards


def read_card(path: Path) -> ModelCard:
    """Read one card from a file. Raises: ModelInvalid when it cannot be read or is malformed."""
    try:
        return parse_card(path.read_text("utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as exc:
        raise ModelInvalid(f"model card {path} cannot be read: {exc}; check the path and the file") from exc


def find_card(cards: Iterable[ModelCard], name: str) -> ModelCard | None:
    """The card with this id or alias, in whatever letter case; None when there is none."""
    wanted = name.casefold()
    return next((card for card in cards if wanted in _names(card)), None)


def refuse_shared_names(cards: Iterable[ModelCard]) -> None:
    """Raises: ModelInvalid when two cards have an id or an alias in common, or write the same file."""
    owners: dict[str, str] = {}
    for card in cards:
        for name in (*sorted(_names(card)), *(f"the file {output}" for output in _outputs(card))):
            if name in owners:
                raise ModelInvalid(f"model cards {owners[name]} and {card.id} both claim {name!r}; rename one")
            owners[name] = card.id


def parse_card(text: str, name: str) -> ModelCard:
    """Parse a card from TOML; `name` stands for it in errors.

    Raises: ModelInvalid naming the card, the field and what to write, when a field is missing, unknown or mistyped.
    """
    fields = parse_toml(text, name)
    recognition = (task := fields.choice("task", ("recognition", "detection", "landmarks"))) == "recognition"
    card = ModelCard(
        id=read_plain_name(fields, "id"),
        title=fields.text("title"),
        task=cast(Task, task),
        architecture=fields.text("architecture"),
        aliases=fields.texts("aliases"),
        pipeline_version=fields.integer("pipeline_version", least=1),
        licence=read_licence(fields.table("licence")),
        accuracy=read_accuracy(fields.table("accuracy")),
        fused=(fused := read_fused(fields.table("fused")) if fields.has("fused") else ()),
        input=None if fused else read_input(fields.table("input")),
        files=() if fused else tuple(read_file(table) for table in fields.tables("files")),
        # A recogniser without these two cannot be used; a detector has neither.
        output_dimension=fields.integer("output_dimension", least=1) if recognition else None,
        crop=read_crop(fields.table("crop")) if recognition and not fused else None,
        norm_range=read_norm_range(fields.table("recognisability")) if fields.has("recognisability") else None,
        calibration=read_calibration(fields.table("calibration")) if fields.has("calibration") else None,
        int8=read_int8(fields.table("int8")) if recognition and fields.has("int8") else None,
    )
    fields.done()
    _refuse_repeated_files(fields, card)
    return card


def _names(card: ModelCard) -> set[str]:
    return {name.casefold() for name in (card.id, *card.aliases)}


def _outputs(card: ModelCard) -> tuple[str, ...]:
    return (*(file.output for file in card.files), *(card.int8.output_names() if card.int8 else ()))


def _refuse_repeated_files(fields: Fields, card: ModelCard) -> None:
    for name, values in (("name", [file.name for file in card.files]), ("output", _outputs(card))):
        if len(set(values)) != len(values):
            raise fields.invalid("files", f"has two files with the same {name}; give each its own")
