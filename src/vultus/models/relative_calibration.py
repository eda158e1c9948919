"""The calibration of relative scores in a model card, and the mean faces behind it.

Mean faces are embeddings averaged over at least LEAST_PEOPLE people each: of whole photos of many kinds of people, and
of damaged photos. They are the cohort where no gallery is at hand, and tell children and damaged photos. No embedding
of a single person is among them. One file of the package has them for each network, as means of unit embeddings; those
of a fused model are joined as its embeddings are.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass as plain_dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.dataclasses import dataclass

from vultus.errors import ModelInvalid
from vultus.models.card_fields import CARD_CONFIG, Count, Number, Pairs, PlainName, Positive, Rate, Text, table_items
from vultus.records.seen import Float32
from vultus.vectors import unit_length

LEAST_PEOPLE = 20  # behind each mean face


def _numbers(value: Any) -> Any:
    """A TOML table of weights as pairs."""
    if isinstance(value, tuple):
        return value
    items = table_items(value)
    for name, weight in items:
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise ValueError(f"has {name} = {weight!r}; write a number")
    return tuple((name, float(weight)) for name, weight in items)


Weights = Annotated[tuple[tuple[str, float], ...], BeforeValidator(_numbers)]


def _falling(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    rates, scores = [rate for rate, _ in points], [score for _, score in points]
    if len(points) < 2 or sorted(set(rates), reverse=True) != rates or sorted(set(scores)) != scores:
        raise ValueError("must fall in rate and rise in score, two pairs or more; write [[1e-2, 0.01], [1e-3, 0.06]]")
    return points


@dataclass(frozen=True, config=CARD_CONFIG)
class ScoresAtSize:
    """(rate, score) pairs measured with so many enrolled faces; 0: with the mean faces alone."""

    faces: Annotated[int, Field(ge=0)]
    thresholds: Annotated[Pairs, AfterValidator(_falling)]


@dataclass(frozen=True, config=CARD_CONFIG)
class ReliabilityTable:
    """The weights of `matching.reliability.ReliabilityModel`."""

    constant: Number
    product: Number
    linear: Weights
    squared: Weights


@dataclass(frozen=True, config=CARD_CONFIG)
class RelativeCalibration:
    """How relative scores follow from a cohort, and the thresholds of their error rates among people alike.

    mean_faces: the file. nearest, weight, twin_gap: see `search.cohort.CohortRule`. child: the cosine with the mean of
    children under six from which on a face looks like one. likeness: terms by the mean faces alone between which the
    measured faces lie. fmr, fpir: thresholds by the size of the gallery. data, terms: what it was measured on.
    """

    mean_faces: PlainName
    nearest: Count
    weight: Positive
    twin_gap: Positive
    child: Number
    likeness: tuple[float, float]
    fmr: Annotated[tuple[ScoresAtSize, ...], Field(min_length=1)]
    fpir: Annotated[tuple[ScoresAtSize, ...], Field(min_length=1)]
    smallest_fmr: Rate
    smallest_fpir: Rate
    largest_gallery: Count
    data: Text
    terms: Text
    date: Text
    reliability: ReliabilityTable | None = None


@plain_dataclass(frozen=True, eq=False)
class MeanFaces:
    """centroids: (C, D) of unit length. lifts: (C,), see `CohortRule`. damaged: (C,) which are of damaged photos.

    child: (D,), the mean of children under six.
    """

    centroids: Float32
    lifts: Float32
    damaged: np.ndarray
    child: Float32


WHOLE = "whole"  # the kind of a mean face of whole photos; other kinds name a damage


@cache
def read_mean_faces(file: str, members: tuple[tuple[str, float], ...]) -> MeanFaces:
    """The mean faces of a model: its id with weight 1, or the members of a fused one. Raises: ModelInvalid."""
    try:
        path = resources.files("vultus.models") / "mean_faces" / file
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        joined = [_joined([found[f"{kind}{member}"] for member, _ in members], members) for kind in ("", "children.")]
        lifts, kinds = found["lifts"].astype(np.float32), found["kinds"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as exc:
        raise ModelInvalid(f"the mean faces {file} cannot be read: {exc!r}; install Vultus again") from exc
    return MeanFaces(joined[0], lifts, kinds != WHOLE, joined[1][0])


def _joined(parts: list[np.ndarray], members: tuple[tuple[str, float], ...]) -> Float32:
    weights = [weight for _, weight in members]
    rows = [np.sqrt(w) * np.atleast_2d(part).astype(np.float64) for part, w in zip(parts, weights, strict=True)]
    return np.asarray(unit_length(np.concatenate(rows, axis=1)), np.float32)
