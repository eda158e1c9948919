"""Numbers as text: one reading for forms, queries, options, settings and lists, that of JSON."""

from __future__ import annotations

import re
from typing import Any

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")  # RFC 8259, section 6
MAX_CHARACTERS = 40  # more are no number that anybody means, and take long to read
WANTED = "must be a number, like 50 or 0.5"
WANTED_WHOLE = "must be a whole number, like 50"


def plain_number(value: Any) -> Any:
    """The number that a text is in JSON, blanks around it aside; what is no text comes back as it is.

    Raises ValueError for true and false, and for what Python reads as a number and JSON does not: "5_0", "+5", "5.",
    "0x10", digits of other scripts, "inf", "nan".
    """
    if isinstance(value, bool):
        raise ValueError(WANTED)
    if not isinstance(value, str):
        return value
    text = value.strip(" \t\r\n")
    if len(text) > MAX_CHARACTERS or not JSON_NUMBER.fullmatch(text):
        raise ValueError(WANTED)
    return int(text) if text.lstrip("-").isdigit() else float(text)


def plain_integer(value: Any) -> Any:
    """The same for whole numbers: 1e3 and 5.0 are 1000 and 5. Raises ValueError."""
    try:
        number = plain_number(value)
    except ValueError:
        raise ValueError(WANTED_WHOLE) from None
    if isinstance(number, float) and not number.is_integer():  # not a whole number, nor infinite or NaN
        raise ValueError(WANTED_WHOLE)
    return int(number) if isinstance(number, float) else number
