"""The trace of a request, as W3C Trace Context names it in `traceparent`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.datastructures import Headers

HEADER = "traceparent"
# Sections 3.2 and 4.3: two digits of version, of which ff is none; later versions may add fields after the flags.
_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-[\x21-\x7e]*)?")
MOST_CHARACTERS = 256


@dataclass(frozen=True)
class Trace:
    """id: of the trace, 32 hexadecimal digits. sent: the header, handed back as it came."""

    id: str
    sent: str


def trace_of(headers: Headers) -> Trace | None:
    """The trace that the caller is in; None where it sent none, or none that is valid, which is no fault."""
    sent = headers.getlist(HEADER)
    found = _FORM.fullmatch(sent[0]) if len(sent) == 1 and len(sent[0]) <= MOST_CHARACTERS else None
    if found is None:
        return None
    version, trace, parent, more = found.groups()
    if (version == "00" and more) or not int(trace, 16) or not int(parent, 16):
        return None
    return Trace(trace, sent[0])
