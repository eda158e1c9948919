"""Opaque cursors of lists: what the next page begins after, as base64."""

from __future__ import annotations

import base64

from pydantic import BaseModel, ConfigDict, Field

from vultus.errors import InvalidRequest
from vultus.identifiers import check_known_subject
from vultus.schemas.field_types import PlainInteger

NUMBER_DIGITS = 18  # fewer than a 64-bit number may have


class Page(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(None, max_length=2048, description="next_cursor of the page before.")
    limit: PlainInteger = Field(100, ge=1, le=1000, description="Most entries to answer.")


def encode_cursor(cursor: str) -> str:
    """The cursor to answer."""
    return base64.urlsafe_b64encode(cursor.encode("utf-8")).decode("ascii").rstrip("=")


def decode_subject_cursor(cursor: str) -> str:
    """The subject id in a cursor. Raises InvalidRequest when it is no cursor of such a list."""
    try:
        return check_known_subject(_decoded(cursor))
    except ValueError as exc:
        raise _no_cursor() from exc


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
