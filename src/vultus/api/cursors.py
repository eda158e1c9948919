"""Opaque cursors of lists: what the next page begins after, as base64."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from vultus.errors import InvalidRequest
from vultus.identifiers import check_known_subject
from vultus.records.stored import SubjectOrder, SubjectPlace
from vultus.schemas.field_types import PlainInteger

MAX_CURSOR = 8192  # characters: base64 of a name and an id of the greatest length
NUMBER_DIGITS = 18  # fewer than a 64-bit number may have
_PLACE: TypeAdapter[tuple[SubjectOrder, str, str]] = TypeAdapter(tuple[SubjectOrder, str, str])


class Page(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(None, max_length=MAX_CURSOR, description="next_cursor of the page before.")
    limit: PlainInteger = Field(100, ge=1, le=1000, description="Most entries to answer.")


def encode_cursor(cursor: str) -> str:
    """The cursor to answer."""
    return base64.urlsafe_b64encode(cursor.encode("utf-8")).decode("ascii").rstrip("=")


def encode_place(place: SubjectPlace) -> str:
    """The cursor of the page after a subject."""
    return encode_cursor(json.dumps([place.order, place.key, place.id], ensure_ascii=False))


def decode_place(cursor: str, order: SubjectOrder) -> SubjectPlace:
    """The place in a cursor. Raises InvalidRequest when it is no cursor of such a list, or of another order."""
    try:
        place = SubjectPlace(*_PLACE.validate_json(_decoded(cursor)))
        check_known_subject(place.id)
        _check_key(place)
    except (ValueError, OverflowError) as exc:
        raise _no_cursor() from exc
    if place.order != order:
        raise InvalidRequest(f"the cursor is of a list sorted by {place.order}; begin without one to sort by {order}")
    return place


def _check_key(place: SubjectPlace) -> None:
    if "\0" in place.key:
        raise ValueError("no database has such a text")
    if place.order == "newest":
        moment = datetime.fromisoformat(place.key)
        moment.astimezone(UTC)
        if moment.tzinfo is None:
            raise ValueError("a moment without time zone")


def decode_number_cursor(cursor: str) -> int:
    """The number in a cursor. Raises InvalidRequest when it is no cursor of such a list."""
    try:
        text = _decoded(cursor)
    except ValueError as exc:
        raise _no_cursor() from exc
    if not (text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS):
        raise _no_cursor()
    return int(text)


def _decoded(cursor: str) -> str:
    padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8")


def _no_cursor() -> InvalidRequest:
    return InvalidRequest("the cursor is not one that a list answered as next_cursor; begin without one")
