"""Ids by their beginning, as long as only one id begins so."""

from __future__ import annotations

from collections.abc import Iterable

from vultus.errors import InvalidRequest

LEAST_CHARACTERS = 4  # fewer are a slip of the keyboard; changes that cannot be undone are made by them
MOST_LISTED = 5


def full_id(given: str, known: Iterable[str]) -> str:
    """The one known id that is `given` or begins with it; `given` itself where none does, to be refused as unknown.

    Raises InvalidRequest, which lists them, when several begin so.
    """
    ids = sorted(known)
    if given in ids or len(given) < LEAST_CHARACTERS:
        return given
    found = [one for one in ids if one.startswith(given)]
    if len(found) > 1:
        more = f" and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
        raise InvalidRequest(f"{len(found)} ids begin with {given}: {', '.join(found[:MOST_LISTED])}{more}; write more")
    return found[0] if found else given
