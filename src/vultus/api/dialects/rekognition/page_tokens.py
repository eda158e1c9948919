"""NextToken: where a list goes on, bound to the operation and the collection that it is of."""

from __future__ import annotations

import base64
import hashlib

from vultus.api.cursors import encode_cursor
from vultus.api.dialects.rekognition.failures import InvalidPageToken

DIGITS = 12  # of the digest of what a list is of


def page_token(cursor: str | int | None, *of: str | None) -> dict[str, str]:
    """The member NextToken, absent at the end. of: the operation and its members that a list depends on."""
    return {} if cursor is None else {"NextToken": encode_cursor(f"{_digest(of)}{cursor}")}


def cursor_of(token: str | None, *of: str | None) -> str | None:
    """The cursor of a token; None at the beginning. Raises InvalidPageToken, also for the token of another list."""
    if token is None:
        return None
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode("utf-8")
    except ValueError as exc:
        raise _invalid() from exc
    if not text.startswith(_digest(of)):
        raise _invalid()
    return text[DIGITS:]


def number_of(token: str | None, *of: str | None) -> int:
    """The cursor of a list that counts; 0 at the beginning. Raises InvalidPageToken."""
    cursor = cursor_of(token, *of) or "0"
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise _invalid()
    return int(cursor)


def _digest(of: tuple[str | None, ...]) -> str:
    return hashlib.sha256("\n".join(part or "" for part in of).encode()).hexdigest()[:DIGITS]


def _invalid() -> InvalidPageToken:
    return InvalidPageToken("NextToken is none of this list; send that of its last page, or leave it out")
