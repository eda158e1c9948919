"""Vectors as request fields: the same from JSON and, as JSON text, from a form."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator


def _json_text(value: Any) -> Any:
    """A form sends a vector as its JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as exc:
        raise ValueError("is not JSON; write an array of numbers, like [0.1, -0.2]") from exc


def _vector(value: Any) -> Any:
    value = _json_text(value)
    if not isinstance(value, list) or any(isinstance(x, bool) or not isinstance(x, (int, float)) for x in value):
        raise ValueError("must be an array of numbers")
    return value


def _vectors(value: Any) -> list[tuple[str | int, Any]]:
    """One vector, or a list of vectors or of {"id": ..., "vector": ...}; ids are positions where none is given."""
    value = _json_text(value)
    if not isinstance(value, list) or not value:
        raise ValueError("must be an array of numbers, or of such arrays, or of objects with id and vector")
    if not isinstance(value[0], (list, dict)):
        value = [value]
    return [_with_id(i, one) for i, one in enumerate(value)]


def _with_id(position: int, value: Any) -> tuple[str | int, Any]:
    if not isinstance(value, dict):
        return position, _vector(value)
    known = value.get("id", position)
    if set(value) - {"id", "vector"} or "vector" not in value or isinstance(known, bool):
        raise ValueError("holds an object that is not {id, vector}")
    if not isinstance(known, (str, int)):
        raise ValueError("holds an id that is neither text nor an integer")
    return known, _vector(value["vector"])


Vector = Annotated[list[float], BeforeValidator(_vector)]
Vectors = Annotated[list[tuple[str | int, list[float]]], BeforeValidator(_vectors)]
