"""Model cards: what a model is, where its weights come from, how its input is prepared. Read from TOML, strictly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, Strict, model_validator
from pydantic.dataclasses import dataclass

from vultus.errors import ModelInvalid
from vultus.files import read_regular
from vultus.findings import FieldError
from vultus.models.calibration import Calibration, CalibrationTable
from vultus.models.card_fields import (
    CARD_CONFIG,
    Count,
    Counts,
    PlainName,
    Positive,
    Table,
    Text,
    Texts,
    Write,
    quoted,
    table_items,
)
from vultus.models.card_parts import (
    Accuracy,
    CropTable,
    FileSource,
    InputTable,
    Licence,
    ModelFile,
    PackageSource,
    RecognisabilityTable,
    Source,
    UrlSource,
)
from vultus.models.int8_ranges import Int8Ranges
from vultus.models.liveness_calibration import LivenessCalibration
from vultus.models.toml import parse_toml
from vultus.records.seen import CropRule, InputRule

__all__ = [
    "TASKS",
    "Accuracy",
    "Calibration",
    "FileSource",
    "Int8Ranges",
    "Licence",
    "ModelCard",
    "ModelFile",
    "PackageSource",
    "Source",
    "UrlSource",
    "cards_of",
    "find_card",
    "in_box_cards",
    "known_card",
    "parse_card",
    "read_card",
    "refuse_shared_names",
]

SUM_TOLERANCE = 1e-6  # of the weights of a fused model's members


@plain_dataclass(frozen=True)
class TaskFields:
    """The fields that only the cards of some tasks have: those that a card needs, and those that it may have."""

    needed: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


# A new kind of model adds its task here, with the fields that its decoder reads.
TASKS: Mapping[str, TaskFields] = {
    "recognition": TaskFields(needed=("output_dimension", "crop"), allowed=("int8", "older_versions", "stand_in")),
    "detection": TaskFields(allowed=("decoder", "refiner", "fallback")),
    "landmarks": TaskFields(),
    "liveness": TaskFields(needed=("decoder", "box_scales"), allowed=("liveness",)),
}
_ALWAYS_NEEDED = ("aliases", "input", "files")  # the card has defaults for them, for models made up of others
_NOT_FUSED = ("input", "files", "crop")  # a fused model has those of its members
_OF_SOME_TASKS = frozenset(name for task in TASKS.values() for name in (*task.needed, *task.allowed))


def _known_task(task: str) -> str:
    if task not in TASKS:
        raise ValueError(f"is {task!r}; write {quoted(tuple(TASKS))}")
    return task


def _members(value: Any) -> Any:
    """A TOML table of fused members as pairs."""
    if isinstance(value, tuple):
        return value
    members = table_items(value)
    weights = [weight for _, weight in members if isinstance(weight, float) and 0 < weight < 1]
    if len(members) < 2 or len(weights) < len(members):
        raise ValueError('needs two members and more, each with a weight, as in "sface" = 0.7')
    if abs(sum(weights) - 1) > SUM_TOLERANCE:
        raise ValueError(f"has weights that sum to {sum(weights):g}; make it 1")
    return members


@dataclass(frozen=True, config=CARD_CONFIG)
class ModelCard:
    """One model. input: width and height 0 mean any size. pipeline_version counts up when preprocessing changes.

    older_versions: those that can still be made, for collections that were filled with them.
    int8: how its first file becomes an int8 one; None where the ranges were not measured.
    norm_range: lengths of the raw embedding that mean recognisability 0 and 100; None where they mean nothing.
    fused: (id of a recognition card, weight) of the models that make up this one; it then has no files of its own.
    stand_in: id of the card that this one's aliases mean while its weights are missing, where the operator wants that.
    decoder: how the outputs are read (`vision.decoders`); None: the model is listed, and not served.
    refiner: id of the card whose network "onet" estimates a detector's landmarks again; None: they stay as they are.
    fallback: id of the detector to try where this one, being the default, finds no face.
    box_scales: of a liveness model: the crop of each file is the face's box, about its centre, times its factor.
    liveness: its threshold, and what was measured with it.
    """

    id: PlainName
    title: Text
    task: Annotated[str, Strict(), AfterValidator(_known_task), Write(quoted(tuple(TASKS)))]
    architecture: Text
    pipeline_version: Count
    licence: Licence
    accuracy: Accuracy
    input: Annotated[InputRule, Table(InputTable)] | None = None
    files: Annotated[tuple[ModelFile, ...], Write("at least one table [[{path}]]")] = ()
    aliases: Texts = ()
    crop: Annotated[CropRule, Table(CropTable)] | None = None
    output_dimension: Count | None = None
    calibration: CalibrationTable | None = None
    int8: Int8Ranges | None = None
    fused: Annotated[tuple[tuple[str, float], ...], BeforeValidator(_members)] = ()
    norm_range: Annotated[
        Annotated[tuple[float, float], Table(RecognisabilityTable)] | None, Field(alias="recognisability")
    ] = None
    stand_in: PlainName | None = None
    decoder: PlainName | None = None
    refiner: PlainName | None = None
    fallback: PlainName | None = None
    box_scales: Annotated[tuple[Positive, ...], Write("one number for each file")] = ()
    liveness: LivenessCalibration | None = None
    older_versions: Counts = ()

    @model_validator(mode="before")
    @classmethod
    def _fields_of_its_task(cls, card: Any) -> Any:
        """Refuse a TOML table without a field that its task needs, or with one of another task."""
        task = TASKS.get(str(card.get("task"))) if isinstance(card, dict) else None
        if task is not None:
            needed, others = {*_ALWAYS_NEEDED, *task.needed}, _OF_SOME_TASKS - {*task.needed, *task.allowed}
            if "fused" in card:
                needed, others = needed - {*_NOT_FUSED}, others | {*_NOT_FUSED}
            if missing := sorted(needed - card.keys()):
                raise FieldError(missing[0], kind="missing")
            if unknown := sorted(others & card.keys()):
                raise FieldError(unknown[0], kind="unknown")
        return card

    @model_validator(mode="after")
    def _different_files(self) -> Self:
        if not self.files and not self.fused:
            raise FieldError("files", kind="missing")
        for name, values in (("name", tuple(file.name for file in self.files)), ("output", self.output_names())):
            if len(set(values)) != len(values):
                raise FieldError("files", f"has two files with the same {name}; give each its own")
        return self

    @model_validator(mode="after")
    def _a_crop_for_each_file(self) -> Self:
        if self.box_scales and len(self.box_scales) != len(self.files):
            raise FieldError(
                "box_scales", f"has {len(self.box_scales)} numbers; write one for each of {len(self.files)} files"
            )
        return self

    @model_validator(mode="after")
    def _older_than_its_own(self) -> Self:
        if any(version >= self.pipeline_version for version in self.older_versions):
            raise FieldError("older_versions", f"must be below pipeline_version {self.pipeline_version}; remove it")
        return self

    def file(self, name: str) -> ModelFile:
        """The file called `name`. Raises: ModelInvalid when the card has none."""
        for file in self.files:
            if file.name == name:
                return file
        listed = ", ".join(file.name for file in self.files)
        raise ModelInvalid(f"model {self.id} has no file {name!r}; it has {listed}")

    def names(self) -> set[str]:
        """The id and the aliases, in lower case."""
        return {name.casefold() for name in (self.id, *self.aliases)}

    def output_names(self) -> tuple[str, ...]:
        """The names of the files that are made for the card."""
        return (*(file.output for file in self.files), *(self.int8.output_names() if self.int8 else ()))


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
        return parse_card(read_regular(path).decode("utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as exc:
        raise ModelInvalid(f"model card {path} cannot be read: {exc}; check the path and the file") from exc


def cards_of(cards: Iterable[ModelCard], task: str) -> tuple[ModelCard, ...]:
    """The cards of a task, in the order given."""
    return tuple(card for card in cards if card.task == task)


def find_card(cards: Iterable[ModelCard], name: str) -> ModelCard | None:
    """The card with this id or alias, in any letter case; None when there is none."""
    wanted = name.casefold()
    return next((card for card in cards if wanted in card.names()), None)


def known_card(cards: Sequence[ModelCard], name: str) -> ModelCard:
    """The card with this id or alias. Raises: ModelInvalid when there is none."""
    card = find_card(cards, name)
    if card is None:
        raise ModelInvalid(f"there is no model card {name!r}; known: {', '.join(known.id for known in cards)}")
    return card


def refuse_shared_names(cards: Iterable[ModelCard]) -> None:
    """Raises: ModelInvalid when two cards have an id or an alias in common, or write the same file."""
    owners: dict[str, str] = {}
    for card in cards:
        for name in (*sorted(card.names()), *(f"the file {output}" for output in card.output_names())):
            if name in owners:
                raise ModelInvalid(f"model cards {owners[name]} and {card.id} both claim {name!r}; rename one")
            owners[name] = card.id


def parse_card(text: str, name: str) -> ModelCard:
    """Parse a card from TOML; `name` stands for it in errors.

    Raises: ModelInvalid naming the card, the field and what to write, when a field is missing, unknown or mistyped.
    """
    return parse_toml(text, name, ModelCard)
