"""A strict reader of one TOML table: every field is asked for by name and type, and none may be left over."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from vultus.errors import ModelInvalid


def parse_toml(text: str, card: str) -> Fields:
    """The whole text as one table; `card` names it in every error. Raises: ModelInvalid when it is no TOML."""
    try:
        return Fields(tomllib.loads(text), card)
    except tomllib.TOMLDecodeError as exc:
        raise ModelInvalid(f"model card {card} is no TOML: {exc}; correct that line") from exc


class Fields:
    """The fields of one table, taken one by one; `done()` refuses what nobody took. All raise ModelInvalid."""

    def __init__(self, table: Mapping[str, Any], card: str, path: str = "") -> None:
        self._left = dict(table)
        self._card = card
        self._path = path

    def invalid(self, name: str, problem: str) -> ModelInvalid:
        """The error for a field: which card, which field, what is wrong and what to write."""
        return ModelInvalid(f"model card {self._card}: {self._path}{name} {problem}")

    def text(self, name: str) -> str:
        value = self._take(name, str, '"text"')
        if not value.strip():
            raise self.invalid(name, 'is empty; write "text"')
        return str(value)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        listed = " or ".join(f'"{value}"' for value in allowed)
        value = self._take(name, str, listed)
        if value not in allowed:
            raise self.invalid(name, f"is {value!r}; write {listed}")
        return str(value)

    def integer(self, name: str, *, least: int) -> int:
        value = self._take(name, int, f"a whole number of at least {least}")
        if value < least:
            raise self.invalid(name, f"is {value}; write a whole number of at least {least}")
        return int(value)

    def number(self, name: str) -> float:
        return float(self._take(name, (int, float), "a number, as in 127.5"))

    def flag(self, name: str) -> bool:
        return bool(self._take(name, bool, "true or false"))

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._take(name, list, 'a list of texts, as in ["a", "b"], or []')
        if not all(isinstance(value, str) for value in values):
            raise self.invalid(name, 'holds something else than texts; write ["a", "b"], or []')
        return tuple(values)

    def pairs(self, name: str) -> tuple[tuple[float, float], ...]:
        wanted = "a list of pairs of numbers, as in [[52.7, 65.1], [112.3, 64.0]]"
        values = self._take(name, list, wanted)
        if not all(isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair)) for pair in values):
            raise self.invalid(name, f"holds something else than pairs of numbers; write {wanted}")
        return tuple((float(first), float(second)) for first, second in values)

    def table(self, name: str) -> Fields:
        return Fields(self._take(name, dict, f"a table [{self._path}{name}]"), self._card, f"{self._path}{name}.")

    def tables(self, name: str) -> tuple[Fields, ...]:
        """At least one table of an array of tables."""
        wanted = f"at least one table [[{self._path}{name}]]"
        values = self._take(name, list, wanted)
        if not values or not all(isinstance(value, dict) for value in values):
            raise self.invalid(name, f"holds no tables; write {wanted}")
        return tuple(Fields(value, self._card, f"{self._path}{name}[{i}].") for i, value in enumerate(values))

    def items(self) -> tuple[tuple[str, Any], ...]:
        """All that is left, for a table whose keys are data."""
        taken, self._left = tuple(self._left.items()), {}
        return taken

    def has(self, name: str) -> bool:
        return name in self._left

    def done(self) -> None:
        """Refuse the fields that were not asked for."""
        if self._left:
            name = min(self._left)
            raise self.invalid(name, "is not a field of a model card; remove it or correct its spelling")

    def _take(self, name: str, kind: type | tuple[type, ...], wanted: str) -> Any:
        if name not in self._left:
            raise self.invalid(name, f"is missing; write {wanted}")
        value = self._left.pop(name)
        # TOML's true is a Python int, but nobody means 1 by it.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.invalid(name, f"is {value!r}; write {wanted}")
        return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
