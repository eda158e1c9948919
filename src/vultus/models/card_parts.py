"""The parts of a model card: its licence, its weight files and their sources, its input, crop and accuracy."""

import math
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic.dataclasses import dataclass

from vultus.findings import FieldError
from vultus.models.card_fields import (
    CARD_CONFIG,
    Digest,
    Flag,
    Number,
    Pairs,
    PlainName,
    Size,
    Text,
    Write,
    quoted,
    table_items,
)
from vultus.records.seen import CropRule, InputRule

ImporterName = Literal["none", "facenet_graphdef", "keras_hdf5", "dequantize", "dlib_dat", "minifasnet"]

UNKNOWN = "unknown"  # the sha256 of a file whose digest is not published

LANDMARKS = 5


@dataclass(frozen=True, config=CARD_CONFIG)
class Licence:
    """weights: SPDX identifier or words. commercial_use: whether the weights' licence allows it; the note says more."""

    weights: Text
    commercial_use: Flag
    commercial_note: Text
    training_data: Text
    training_data_terms: Text


@dataclass(frozen=True, config=CARD_CONFIG)
class Accuracy:
    """What others published of these weights, and what was measured here, each with its test set."""

    published: Text
    measured: Text


# --- files --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, config=CARD_CONFIG)
class PackageSource:
    """A file inside an installed Python distribution; file: its path as the distribution lists it."""

    package: PlainName
    package_version: Text
    file: Text
    origin: Text


@dataclass(frozen=True, config=CARD_CONFIG)
class UrlSource:
    """A file to download, with `vultus models pull` or by hand, into the model folder, under the name `file`."""

    url: Text
    file: PlainName
    origin: Text


@dataclass(frozen=True, config=CARD_CONFIG)
class FileSource:
    """A file that the operator puts into the model folder, under the name `file`."""

    file: PlainName
    origin: Text


Source = PackageSource | UrlSource | FileSource
SOURCES: Mapping[str, type[Source]] = {"package": PackageSource, "url": UrlSource, "file": FileSource}


def _of_known_kinds(sources: Any) -> Any:
    """Refuse a table without a kind that is known: pydantic's sentence would not be about that field."""
    for i, source in enumerate(sources if isinstance(sources, list) else ()):
        if isinstance(source, dict) and source.get("kind") not in tuple(SOURCES):
            found = f"is {source['kind']!r}" if "kind" in source else "is missing"
            raise FieldError((i, "kind"), f"{found}; write {quoted(tuple(SOURCES))}")
    return sources


def _kind(source: Any) -> str | None:
    if isinstance(source, dict):
        return str(source["kind"])
    return next((kind for kind, made in SOURCES.items() if isinstance(source, made)), None)


def _without_kind(value: Any) -> Any:
    return {name: one for name, one in value.items() if name != "kind"} if isinstance(value, dict) else value


_TaggedSource = Annotated[
    Annotated[PackageSource, BeforeValidator(_without_kind), Tag("package")]
    | Annotated[UrlSource, BeforeValidator(_without_kind), Tag("url")]
    | Annotated[FileSource, BeforeValidator(_without_kind), Tag("file")],
    Discriminator(_kind),
]


def _axes(value: Any) -> Any:
    """A TOML table of axes as pairs."""
    if isinstance(value, tuple):
        return value
    for axis, name in table_items(value):
        if not axis.isdecimal() or not isinstance(name, str) or not name.isidentifier():
            raise FieldError(axis, f'is {name!r}; write an axis and a name, as in 2 = "H"')
    return tuple((int(axis), name) for axis, name in table_items(value))


def _none_if_unknown(value: Any) -> Any:
    return None if value == UNKNOWN else value


@dataclass(frozen=True, config=CARD_CONFIG)
class ModelFile:
    """One weight file: sha256 is the source's, the same for every source; output: the file's name when converted.

    sha256 is None where it is not published: the file is used once the operator trusts a digest (`trusted_digests`).
    dynamic_axes: (axis, name) of the converted model's input. converted_sha256: that the output must have.
    known_sha256: that it mostly has; such a file is believed without its source, another one is compared with it.
    """

    name: PlainName
    importer: ImporterName
    output: PlainName
    sha256: Annotated[Digest | None, BeforeValidator(_none_if_unknown)]
    sources: Annotated[
        tuple[_TaggedSource, ...],
        BeforeValidator(_of_known_kinds),
        Field(min_length=1),
        Write("at least one table [[{path}]]"),
    ]
    converted_sha256: Digest | None = None
    known_sha256: Digest | None = None
    dynamic_axes: Annotated[tuple[tuple[int, str], ...], BeforeValidator(_axes)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dynamic_axes and self.importer != "dequantize":
            raise FieldError("dynamic_axes", f'does nothing with importer "{self.importer}"; remove it')
        if self.importer != "none" and any(PurePosixPath(one.file).name == self.output for one in self.sources):
            raise FieldError("output", f"is {self.output!r}, the name of a source; write another one")
        if self.sha256 is None and any(isinstance(source, PackageSource) for source in self.sources):
            raise FieldError("sha256", f'is "{UNKNOWN}", but one source is a package; write its file\'s SHA-256')
        return self


# --- input and crop -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, config=CARD_CONFIG)
class InputTable:
    """[input]: an InputRule. A network fed by each image's own mean and deviation has no numbers of its own."""

    width: Size
    height: Size
    channels: Literal["RGB", "BGR"]
    layout: Literal["NCHW", "NHWC"]
    mean: Number | None = None
    scale: Number | None = None
    per_image: Flag = False

    @model_validator(mode="after")
    def _numbers(self) -> Self:
        for name in ("mean", "scale"):
            if (getattr(self, name) is None) != self.per_image:
                raise FieldError(name, kind="unknown" if self.per_image else "missing")
        rule = self.value()
        if not (math.isfinite(rule.mean) and math.isfinite(rule.scale) and rule.scale > 0):
            raise FieldError("scale", f"is {rule.scale} with mean {rule.mean}; write numbers, the scale above 0")
        return self

    def value(self) -> InputRule:
        mean, scale = (0.0, 1.0) if self.mean is None or self.scale is None else (self.mean, self.scale)
        return InputRule(self.width, self.height, self.channels, self.layout, mean, scale, self.per_image)


@dataclass(frozen=True, config=CARD_CONFIG)
class CropTable:
    """[crop]: a CropRule."""

    template: Pairs
    horizontal_stretch: Number

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if len(self.template) != LANDMARKS:
            raise FieldError("template", f"has {len(self.template)} points; write {LANDMARKS} pairs of x and y")
        if not 0 < self.horizontal_stretch < math.inf:
            raise FieldError(
                "horizontal_stretch", f"is {self.horizontal_stretch}; write a number above 0, 1.0 for none"
            )
        return self

    def value(self) -> CropRule:
        return CropRule(self.template, self.horizontal_stretch)


@dataclass(frozen=True, config=CARD_CONFIG)
class RecognisabilityTable:
    """[recognisability]: the lengths of the raw embedding that mean 0 and 100."""

    norm_low: Number
    norm_high: Number

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 <= self.norm_low < self.norm_high < math.inf:
            said = f"is {self.norm_low} with norm_high {self.norm_high}; write two lengths, the lower one first"
            raise FieldError("norm_low", said)
        return self

    def value(self) -> tuple[float, float]:
        return self.norm_low, self.norm_high
