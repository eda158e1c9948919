"""The parts of a calibration that describe searches, and its tables of thresholds, as read from TOML."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from vultus.models.fields import Fields

Thresholds = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class SearchCalibration:
    """How FPIR follows from FMR and the size of the gallery: the gamma mixture of probes, with its own thresholds.

    shape, exponent: of the mixture. thresholds: (false match rate, cosine) where every subject weighs the same, however
    many photos it has. smallest_fmr, smallest_fpir, largest_gallery (subjects): as far as the data reach.
    """

    shape: float
    exponent: float
    thresholds: Thresholds
    smallest_fmr: float
    smallest_fpir: float
    largest_gallery: int


def read_search(fields: Fields) -> SearchCalibration:
    """Raises ModelInvalid when a field is missing, unknown, mistyped or out of range."""
    search = SearchCalibration(
        shape=_positive(fields, "shape"),
        exponent=fields.number("exponent"),
        thresholds=read_thresholds(fields),
        smallest_fmr=read_rate(fields, "smallest_fmr"),
        smallest_fpir=read_rate(fields, "smallest_fpir"),
        largest_gallery=fields.integer("largest_gallery", least=1),
    )
    if not 0 <= search.exponent < 1:
        raise fields.invalid("exponent", f"is {search.exponent}; write a number of at least 0 and below 1")
    fields.done()
    return search


def read_thresholds(fields: Fields) -> Thresholds:
    """The table `thresholds`. Raises ModelInvalid unless rates fall and cosines rise."""
    thresholds = fields.pairs("thresholds")
    in_range = all(0 < fmr < 1 and -1 <= cosine <= 1 for fmr, cosine in thresholds)
    in_order = all(later[0] < earlier[0] and later[1] > earlier[1] for earlier, later in pairwise(thresholds))
    if not (thresholds and in_range and in_order):
        raise fields.invalid("thresholds", "must fall in rate and rise in cosine; write [[1e-3, 0.50], [1e-4, 0.59]]")
    return thresholds


def read_rate(fields: Fields, name: str) -> float:
    """An error rate. Raises ModelInvalid unless it lies between 0 and 1."""
    value = fields.number(name)
    if not 0 < value < 1:
        raise fields.invalid(name, f"is {value}; write a rate between 0 and 1, as in 1e-6")
    return value


def _positive(fields: Fields, name: str) -> float:
    value = fields.number(name)
    if not 0 < value < math.inf:
        raise fields.invalid(name, f"is {value}; write a number above 0")
    return value
