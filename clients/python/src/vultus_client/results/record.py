"""Results: frozen dataclasses with the names of the JSON answer, read from it by their type hints."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, Self, Union, cast, get_args, get_origin, get_type_hints

from vultus_client.errors import UnexpectedAnswer


@dataclass(frozen=True, kw_only=True)
class Record:
    """A JSON object of an answer. raw: all of it, also fields that this version of the client does not know."""

    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict[str, Any])

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Raises UnexpectedAnswer, when a field is missing or has another shape."""
        if not isinstance(raw, Mapping):
            raise UnexpectedAnswer(f"the answer has no object where {cls.__name__} was expected; {OTHER_VERSION}")
        values: dict[str, Any] = {"raw": raw}
        hints = _hints(cast(Any, cls))
        for one in fields(cls):
            if one.name in raw:
                values[one.name] = _converted(raw[one.name], hints[one.name], f"{cls.__name__}.{one.name}")
            elif one.name != "raw" and one.default is MISSING and one.default_factory is MISSING:
                raise UnexpectedAnswer(f"the answer lacks {cls.__name__}.{one.name}; {OTHER_VERSION}")
        return cls(**values)


OTHER_VERSION = "the server may be of another version than this client, or not be Vultus"


@cache
def _hints(cls: type[Record]) -> dict[str, Any]:
    return get_type_hints(cls)


def _converted(value: Any, hint: Any, place: str) -> Any:
    """A JSON value as the type hint says: records, tuples and moments are made, all else stays."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        wanted = [one for one in inner if one is not type(None)]
        return None if value is None else _converted(value, wanted[0], place) if len(wanted) == 1 else value
    if origin is tuple:
        require_list(value, place)
        return tuple(_converted(one, inner[0], place) for one in value)
    if hint is datetime:
        return _moment(value, place)
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json(value)
    return value


def require_list(value: object, place: str) -> None:
    """Raises UnexpectedAnswer."""
    if not isinstance(value, list):
        raise UnexpectedAnswer(f"{place} of the answer is no list; {OTHER_VERSION}")


def _moment(value: Any, place: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError) as exc:
        raise UnexpectedAnswer(f"{place} of the answer is no moment; {OTHER_VERSION}") from exc
