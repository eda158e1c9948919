"""The calibration of a model: what cosine an error rate means, for comparisons and for searches."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator
from pydantic.dataclasses import dataclass

from vultus.findings import FieldError
from vultus.models.card_fields import CARD_CONFIG, Count, Number, Pairs, Positive, Rate, Text
from vultus.models.relative_calibration import RelativeCalibration

Thresholds = tuple[tuple[float, float], ...]


def _rates_fall(thresholds: Thresholds) -> Thresholds:
    in_range = all(0 < fmr < 1 and -1 <= cosine <= 1 for fmr, cosine in thresholds)
    in_order = all(later[0] < earlier[0] and later[1] > earlier[1] for earlier, later in pairwise(thresholds))
    if not (thresholds and in_range and in_order):
        raise ValueError("must fall in rate and rise in cosine; write [[1e-3, 0.50], [1e-4, 0.59]]")
    return thresholds


def _below_one(exponent: float) -> float:
    if not 0 <= exponent < 1:
        raise ValueError(f"is {exponent}; write a number of at least 0 and below 1")
    return exponent


ThresholdPairs = Annotated[Pairs, AfterValidator(_rates_fall)]


@dataclass(frozen=True, config=CARD_CONFIG)
class SearchCalibration:
    """How FPIR follows from FMR and the size of the gallery: the gamma mixture of probes, with its own thresholds.

    shape, exponent: of the mixture. thresholds: (false match rate, cosine) where every subject weighs the same, however
    many photos it has. smallest_fmr, smallest_fpir, largest_gallery (subjects): as far as the data reach.
    """

    shape: Positive
    exponent: Annotated[Number, AfterValidator(_below_one)]
    thresholds: ThresholdPairs
    smallest_fmr: Rate
    smallest_fpir: Rate
    largest_gallery: Count


@dataclass(frozen=True, config=CARD_CONFIG)
class Calibration:
    """Measured cosine thresholds: (false match rate, cosine at or above which a pair matches), rates falling.

    comparisons: non-mated comparisons behind the table. pipeline_version: the preprocessing it was measured with.
    precision: of the network, "fp32" or "int8". weighting: "all pairs": every comparison weighs the same.
    smallest_fmr: the smallest that the comparisons let one claim. search: how FPIR follows from the gallery's size.
    relative: the thresholds of relative scores, which then decide in place of the cosine's.
    A Euclidean threshold is sqrt(2 - 2 cosine), so it needs no table of its own.
    """

    thresholds: ThresholdPairs
    data: Text
    comparisons: Count
    date: Text
    pipeline_version: Count
    precision: Literal["fp32", "int8"] | None = None
    weighting: Literal["all pairs"] | None = None
    smallest_fmr: Rate | None = None
    search: SearchCalibration | None = None
    relative: RelativeCalibration | None = None


def _in_cosine(value: Any) -> Any:
    """A table must say that its thresholds are cosines; as all are, the metric is not kept."""
    if not isinstance(value, dict):
        return value
    if "metric" not in value:
        raise FieldError("metric", 'is missing; write "cosine"')
    if value["metric"] != "cosine":
        raise FieldError("metric", f'is {value["metric"]!r}; write "cosine"')
    return {name: one for name, one in value.items() if name != "metric"}


CalibrationTable = Annotated[Calibration, BeforeValidator(_in_cosine)]
