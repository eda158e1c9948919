"""What a card says about its model's int8 form: the ranges that its activations were measured to have."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from vultus.models.fields import Fields
from vultus.models.parts import read_plain_name
from vultus.models.precision import WeightBits

Range = tuple[str, float, float]


@dataclass(frozen=True)
class Int8:
    """How the float model becomes an int8 one. output: the name of the file with 8-bit weights.

    ranges: (tensor, least, greatest value), measured on `crops` faces of `data`; the percentile cut the outliers off.
    """

    output: str
    data: str
    crops: int
    percentile: float
    ranges: tuple[Range, ...]

    def output_name(self, weight_bits: WeightBits) -> str:
        """The file's name by the bits of its weights: a file for one kind of processor is never taken for another's."""
        path = Path(self.output)
        return self.output if weight_bits == 8 else f"{path.stem}-{weight_bits}bit{path.suffix}"

    def output_names(self) -> tuple[str, ...]:
        """The names of the files for every kind of processor."""
        return tuple(self.output_name(bits) for bits in get_args(WeightBits))

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Tensor -> (least, greatest) value."""
        return {tensor: (least, greatest) for tensor, least, greatest in self.ranges}

    def digest(self) -> str:
        """The SHA-256 of the ranges, in whatever order they are written."""
        return hashlib.sha256(json.dumps(sorted(self.ranges)).encode()).hexdigest()


def read_int8(fields: Fields) -> Int8:
    """Read a card's [int8]. Raises: ModelInvalid."""
    int8 = Int8(
        output=read_plain_name(fields, "output"),
        data=fields.text("data"),
        crops=fields.integer("crops", least=1),
        percentile=fields.number("percentile"),
        ranges=_ranges(fields.table("ranges")),
    )
    if not 50 < int8.percentile <= 100:
        raise fields.invalid("percentile", f"is {int8.percentile}; write a number above 50, at most 100 for none")
    if not int8.ranges:
        raise fields.invalid("ranges", 'is empty; write a range per tensor, as in "input" = [-1.0, 1.0]')
    fields.done()
    return int8


def _ranges(fields: Fields) -> tuple[Range, ...]:
    return tuple(_range(fields, tensor, value) for tensor, value in fields.items())


def _range(fields: Fields, tensor: str, value: object) -> Range:
    wanted = "write [least, greatest value], as in [-1.0, 1.0]"
    if not (isinstance(value, list) and len(value) == 2 and all(_is_number(number) for number in value)):
        raise fields.invalid(tensor, f"is {value!r}; {wanted}")
    least, greatest = (float(number) for number in value)
    if not (math.isfinite(least) and math.isfinite(greatest) and least < greatest):
        raise fields.invalid(tensor, f"is [{least}, {greatest}]; {wanted}")
    return tensor, least, greatest


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
