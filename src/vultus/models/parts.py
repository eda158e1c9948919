"""The parts of a model card: what each is, and how it is read from its TOML table. All readers raise ModelInvalid."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, cast, get_args

from vultus.models.calibration import SearchCalibration, Thresholds, read_rate, read_search, read_thresholds
from vultus.models.fields import Fields
from vultus.records import CropRule, InputRule

ImporterName = Literal["none", "facenet_graphdef", "keras_hdf5", "dequantize", "dlib_dat"]

UNKNOWN = "unknown"  # the sha256 of a file of which nobody publishes it

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LANDMARKS = 5

SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Licence:
    """weights: SPDX identifier or words. commercial_use: whether the weights' licence allows it; the note says more."""

    weights: str
    commercial_use: bool
    commercial_note: str
    training_data: str
    training_data_terms: str


@dataclass(frozen=True)
class PackageSource:
    """A file inside an installed Python distribution; file: its path as the distribution lists it."""

    package: str
    package_version: str
    file: str
    origin: str


@dataclass(frozen=True)
class UrlSource:
    """A file to pull, or to fetch by hand, into the model folder, under the name `file`."""

    url: str
    file: str
    origin: str


@dataclass(frozen=True)
class FileSource:
    """A file that the operator puts into the model folder, under the name `file`."""

    file: str
    origin: str


Source = PackageSource | UrlSource | FileSource


@dataclass(frozen=True)
class ModelFile:
    """One weight file: sha256 is the source's, the same for every source; output: the file's name when converted.

    sha256 is None where nobody publishes it: the file is used once the operator vouches for a digest (`pins`).
    dynamic_axes: (axis, name) of the converted model's input. converted_sha256: of the output, where it is known.
    """

    name: str
    importer: ImporterName
    output: str
    sha256: str | None
    sources: tuple[Source, ...]
    converted_sha256: str | None = None
    dynamic_axes: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Calibration:
    """Measured cosine thresholds: (false match rate, cosine at or above which a pair matches), rates falling.

    comparisons: non-mated comparisons behind the table. pipeline_version: the preprocessing it was measured with.
    precision: of the network, "fp32" or "int8". weighting: "all pairs": every comparison weighs the same.
    smallest_fmr: the smallest that the comparisons let one claim. search: how FPIR follows from the gallery's size.
    A Euclidean threshold is sqrt(2 - 2 cosine), so it needs no table of its own.
    """

    thresholds: Thresholds
    data: str
    comparisons: int
    date: str
    pipeline_version: int
    precision: str | None = None
    weighting: str | None = None
    smallest_fmr: float | None = None
    search: SearchCalibration | None = None


@dataclass(frozen=True)
class Accuracy:
    """What others published of these weights, and what was measured here, each with its test set."""

    published: str
    measured: str


def read_licence(fields: Fields) -> Licence:
    licence = Licence(
        weights=fields.text("weights"),
        commercial_use=fields.flag("commercial_use"),
        commercial_note=fields.text("commercial_note"),
        training_data=fields.text("training_data"),
        training_data_terms=fields.text("training_data_terms"),
    )
    fields.done()
    return licence


def read_accuracy(fields: Fields) -> Accuracy:
    accuracy = Accuracy(published=fields.text("published"), measured=fields.text("measured"))
    fields.done()
    return accuracy


def read_input(fields: Fields) -> InputRule:
    # A network fed by each image's own mean and deviation has no numbers of its own.
    per_image = fields.flag("per_image") if fields.has("per_image") else False
    rule = InputRule(
        width=fields.integer("width", least=0),
        height=fields.integer("height", least=0),
        channels=cast(Literal["RGB", "BGR"], fields.choice("channels", ("RGB", "BGR"))),
        layout=cast(Literal["NCHW", "NHWC"], fields.choice("layout", ("NCHW", "NHWC"))),
        mean=0.0 if per_image else fields.number("mean"),
        scale=1.0 if per_image else fields.number("scale"),
        per_image=per_image,
    )
    if not (math.isfinite(rule.mean) and math.isfinite(rule.scale) and rule.scale > 0):
        raise fields.invalid("scale", f"is {rule.scale} with mean {rule.mean}; write numbers, the scale above 0")
    fields.done()
    return rule


def read_crop(fields: Fields) -> CropRule:
    template = fields.pairs("template")
    if len(template) != _LANDMARKS:
        raise fields.invalid("template", f"has {len(template)} points; write {_LANDMARKS} pairs of x and y")
    stretch = fields.number("horizontal_stretch")
    if not 0 < stretch < math.inf:
        raise fields.invalid("horizontal_stretch", f"is {stretch}; write a number above 0, 1.0 for none")
    fields.done()
    return CropRule(template, stretch)


def read_calibration(fields: Fields) -> Calibration:
    fields.choice("metric", ("cosine",))
    calibration = Calibration(
        thresholds=read_thresholds(fields),
        data=fields.text("data"),
        comparisons=fields.integer("comparisons", least=1),
        date=fields.text("date"),
        pipeline_version=fields.integer("pipeline_version", least=1),
        precision=fields.choice("precision", ("fp32", "int8")) if fields.has("precision") else None,
        weighting=fields.choice("weighting", ("all pairs",)) if fields.has("weighting") else None,
        smallest_fmr=read_rate(fields, "smallest_fmr") if fields.has("smallest_fmr") else None,
        search=read_search(fields.table("search")) if fields.has("search") else None,
    )
    fields.done()
    return calibration


def read_file(fields: Fields) -> ModelFile:
    importer = cast(ImporterName, fields.choice("importer", get_args(ImporterName)))
    file = ModelFile(
        name=read_plain_name(fields, "name"),
        importer=importer,
        output=read_plain_name(fields, "output"),
        sha256=_source_digest(fields),
        sources=tuple(_source(table) for table in fields.tables("sources")),
        converted_sha256=_converted_digest(fields),
        dynamic_axes=_axes(fields.table("dynamic_axes")) if fields.has("dynamic_axes") else (),
    )
    if file.dynamic_axes and importer != "dequantize":
        raise fields.invalid("dynamic_axes", f'does nothing with importer "{importer}"; remove it')
    if importer != "none" and any(PurePosixPath(source.file).name == file.output for source in file.sources):
        raise fields.invalid("output", f"is {file.output!r}, the name of a source; write another one")
    if file.sha256 is None and any(isinstance(source, PackageSource) for source in file.sources):
        raise fields.invalid("sha256", f'is "{UNKNOWN}", but one source is a package; write its file\'s SHA-256')
    fields.done()
    return file


def _source(fields: Fields) -> Source:
    source: Source
    kind = fields.choice("kind", ("package", "url", "file"))
    if kind == "package":
        source = PackageSource(
            package=read_plain_name(fields, "package"),
            package_version=fields.text("package_version"),
            file=fields.text("file"),
            origin=fields.text("origin"),
        )
    elif kind == "url":
        source = UrlSource(url=fields.text("url"), file=read_plain_name(fields, "file"), origin=fields.text("origin"))
    else:
        source = FileSource(file=read_plain_name(fields, "file"), origin=fields.text("origin"))
    fields.done()
    return source


def _axes(fields: Fields) -> tuple[tuple[int, str], ...]:
    axes = fields.items()
    for axis, name in axes:
        if not axis.isdecimal() or not isinstance(name, str) or not name.isidentifier():
            raise fields.invalid(axis, f'is {name!r}; write an axis and a name, as in 2 = "H"')
    return tuple((int(axis), name) for axis, name in axes)


def _source_digest(fields: Fields) -> str | None:
    value = fields.text("sha256")
    return None if value == UNKNOWN else _digest(fields, "sha256", value)


def _converted_digest(fields: Fields) -> str | None:
    name = "converted_sha256"
    return _digest(fields, name, fields.text(name)) if fields.has(name) else None


def _digest(fields: Fields, name: str, value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise fields.invalid(name, f"is {value!r}; write the 64 lower-case hexadecimal digits of the file's SHA-256")
    return value


def read_plain_name(fields: Fields, name: str) -> str:
    """A name that is safe as a file name: no folders, not hidden."""
    value = fields.text(name)
    if not _PLAIN_NAME.fullmatch(value):
        raise fields.invalid(name, f"is {value!r}; write letters, digits, dots, dashes or underscores only")
    return value


def read_fused(fields: Fields) -> tuple[tuple[str, float], ...]:
    """Read a card's [fused]: members and their weights, which sum to 1. Raises: ModelInvalid."""
    members = fields.items()
    weights = [weight for _, weight in members]
    if len(members) < 2 or not all(isinstance(weight, float) and 0 < weight < 1 for weight in weights):
        raise fields.invalid("fused", 'needs two members and more, each with a weight, as in "sface" = 0.7')
    if abs(sum(cast(list[float], weights)) - 1) > SUM_TOLERANCE:
        raise fields.invalid("fused", f"has weights that sum to {sum(cast(list[float], weights)):g}; make it 1")
    return tuple((name, cast(float, weight)) for name, weight in members)


def read_norm_range(fields: Fields) -> tuple[float, float]:
    """Read a card's [recognisability]: the embedding lengths that mean 0 and 100. Raises: ModelInvalid."""
    low, high = fields.number("norm_low"), fields.number("norm_high")
    if not 0 <= low < high < math.inf:
        raise fields.invalid("norm_low", f"is {low} with norm_high {high}; write two lengths, the lower one first")
    fields.done()
    return low, high
