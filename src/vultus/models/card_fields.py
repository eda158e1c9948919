"""The types of a model card's fields: strict, each with what to write where it is missing or wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge
from pydantic import AfterValidator, ConfigDict, GetCoreSchemaHandler, Strict
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from vultus.findings import Steps

# defer_build: validators are built at first use, for the whole card at once and not for each of its parts before.
CARD_CONFIG = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True, defer_build=True)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Write:
    """What to write into a field, for sentences; {path} stands for the field's path in the card."""

    text: str


@dataclass(frozen=True)
class Table:
    """A TOML table that becomes a value of another type: `part` validates the table, its `value()` makes the value.

    A value that was made in code is taken as it is.
    """

    part: type[Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        made = get_origin(source) or source

        def read(value: Any, validate: Callable[[Any], Any]) -> Any:
            return value if isinstance(value, made) else validate(value).value()

        return core_schema.no_info_wrap_validator_function(read, handler.generate_schema(self.part))


def table_items(value: Any) -> tuple[tuple[str, Any], ...]:
    """The items of a TOML table whose keys are data. Raises: the error of a field that is no table."""
    if not isinstance(value, dict):
        raise PydanticKnownError("dict_type")
    return tuple(value.items())


def quoted(values: Sequence[str]) -> str:
    """Several texts of which one is to be written."""
    return " or ".join(f'"{value}"' for value in values)


# --- the types ----------------------------------------------------------------------------------------------------


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError('is empty; write "text"')
    return value


def _plain(value: str) -> str:
    if not _PLAIN_NAME.fullmatch(value):
        raise ValueError(f"is {value!r}; write letters, digits, dots, dashes or underscores only")
    return value


def _sha256(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError(f"is {value!r}; write the 64 lower-case hexadecimal digits of the file's SHA-256")
    return value


def _rate(value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"is {value}; write a rate between 0 and 1, as in 1e-6")
    return value


def _positive(value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"is {value}; write a number above 0")
    return value


Text = Annotated[str, Strict(), AfterValidator(_filled), Write('"text"')]
PlainName = Annotated[Text, AfterValidator(_plain)]  # safe as a file name: no folders, not hidden
Digest = Annotated[Text, AfterValidator(_sha256)]
Flag = Annotated[bool, Strict(), Write("true or false")]
Count = Annotated[int, Strict(), Ge(1), Write("a whole number of at least 1")]
Counts = Annotated[
    tuple[Annotated[int, Strict(), Ge(1)], ...], Write("a list of whole numbers of at least 1, as in [1], or []")
]
Size = Annotated[int, Strict(), Ge(0), Write("a whole number of at least 0")]
Number = Annotated[float, Strict(), Write("a number, as in 127.5")]
Rate = Annotated[Number, AfterValidator(_rate)]
Positive = Annotated[Number, AfterValidator(_positive)]
Texts = Annotated[tuple[Annotated[str, Strict()], ...], Write('a list of texts, as in ["a", "b"], or []')]
Pair = tuple[Annotated[float, Strict()], Annotated[float, Strict()]]
Pairs = Annotated[tuple[Pair, ...], Write("a list of pairs of numbers, as in [[52.7, 65.1], [112.3, 64.0]]")]


# --- what to write ------------------------------------------------------------------------------------------------


def dotted(steps: Steps) -> str:
    """A path in a card, as in files[0].sources[1].url."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def what_to_write(part: type[Any], steps: Steps) -> str:
    """What belongs into a field of a card, from the type of the innermost field on the way to it."""
    parts: list[Any] = [part]
    text = ""
    for i, step in enumerate(steps):
        field = _field_of(parts, step)
        if field is not None:
            found = list(_types_in(field))
            parts = [one.part if isinstance(one, Table) else one for one in found if _is_part(one)]
            text = _written(found).format(path=dotted(steps[: i + 1]))
    return text


def _field_of(parts: Sequence[Any], step: int | str) -> Any | None:
    """The field of this name in a TOML table, in whichever of the parts has it."""
    fields = (field for part in parts for field in part.__pydantic_fields__.items())
    return next((field for name, field in fields if step == (field.alias or name)), None)


def _types_in(field: Any) -> Iterator[Any]:
    """The types and notes of which a field's type is made, outermost first."""
    pending = [*field.metadata, field.annotation]
    while pending:
        one = pending.pop(0)
        yield one
        pending += get_args(one)


def _is_part(one: Any) -> bool:
    return isinstance(one, Table) or hasattr(one, "__pydantic_fields__")


def _written(types: Sequence[Any]) -> str:
    for one in types:
        if isinstance(one, Write):
            return one.text
        if get_origin(one) is Literal:
            return quoted(get_args(one))
    return "a table [{path}]"
