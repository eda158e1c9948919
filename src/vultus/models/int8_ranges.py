"""The int8 form of a model in its card: the measured ranges of its activations."""

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator
from pydantic.dataclasses import dataclass

from vultus.findings import FieldError
from vultus.models.card_fields import CARD_CONFIG, Count, Digest, Number, PlainName, Text, table_items
from vultus.models.precision import WeightBits

Range = tuple[str, float, float]


def _ranges(value: Any) -> Any:
    """A TOML table of tensors as ranges."""
    return value if isinstance(value, tuple) else tuple(_range(tensor, one) for tensor, one in table_items(value))


def _range(tensor: str, value: Any) -> Range:
    wanted = "write [least, greatest value], as in [-1.0, 1.0]"
    if not (isinstance(value, list) and len(value) == 2 and all(_is_number(number) for number in value)):
        raise FieldError(tensor, f"is {value!r}; {wanted}")
    try:
        least, greatest = (float(number) for number in value)
    except OverflowError:  # TOML's whole numbers have no limit
        raise FieldError(tensor, f"holds a number that is too large; {wanted}") from None
    if not (math.isfinite(least) and math.isfinite(greatest) and least < greatest):
        raise FieldError(tensor, f"is [{least}, {greatest}]; {wanted}")
    return tensor, least, greatest


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _some(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    if not ranges:
        raise ValueError('is empty; write a range per tensor, as in "input" = [-1.0, 1.0]')
    return ranges


def _above_half(percentile: float) -> float:
    if not 50 < percentile <= 100:
        raise ValueError(f"is {percentile}; write a number above 50, at most 100 for none")
    return percentile


@dataclass(frozen=True, config=CARD_CONFIG)
class Int8Ranges:
    """How the float model becomes an int8 one. output: the name of the file with 8-bit weights.

    ranges: (tensor, least, greatest value), measured on `crops` faces of `data`; the percentile cut the outliers off.
    sha256, sha256_7bit: of the made files with weights of 8 and 7 bits. A file that has it is known without being made
    again; one that has not, as other libraries may write it, is compared with one made here.
    """

    output: PlainName
    data: Text
    crops: Count
    percentile: Annotated[Number, AfterValidator(_above_half)]
    ranges: Annotated[tuple[Range, ...], BeforeValidator(_ranges), AfterValidator(_some)]
    sha256: Digest | None = None
    sha256_7bit: Digest | None = None

    def output_name(self, weight_bits: WeightBits) -> str:
        """The file's name by the bits of its weights: a file for one kind of processor is never taken for another's."""
        path = Path(self.output)
        return self.output if weight_bits == 8 else f"{path.stem}-{weight_bits}bit{path.suffix}"

    def output_names(self) -> tuple[str, ...]:
        """The names of the files for every kind of processor."""
        return tuple(self.output_name(bits) for bits in get_args(WeightBits))

    def known_sha256(self, weight_bits: WeightBits) -> str | None:
        """The SHA-256 of the file with weights of so many bits, where the card says it."""
        return self.sha256 if weight_bits == 8 else self.sha256_7bit

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Tensor -> (least, greatest) value."""
        return {tensor: (least, greatest) for tensor, least, greatest in self.ranges}

    def digest(self) -> str:
        """The SHA-256 of the ranges, in whatever order they are written."""
        return hashlib.sha256(json.dumps(sorted(self.ranges)).encode()).hexdigest()
