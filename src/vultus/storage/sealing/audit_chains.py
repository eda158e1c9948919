"""Chains of audit lines: each line has a digest over itself and over the digest of its writer's line before.

A line that is changed or removed from the middle shows, without a key and on every database. Each process has chains of
its own, as many as it has transactions at once, so that no writer waits for another: a transaction takes one, and the
next one goes on with it. Where the end of a transaction is not known, its chain is not used again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, exists, select

from vultus.storage import tables as t

KEY = "audit_chain"  # in the `info` of a connection
CHAINED = (
    *("at", "actor", "action", "collection", "objects", "object_count", "outcome", "request_id"),
    *("kept_from", "decisions"),
)
ROWS_AT_ONCE = 2048


@dataclass
class Chain:
    """The end of a chain: the id of its writer, and the number and the digest of its last line."""

    writer: str = field(default_factory=lambda: uuid4().hex)
    number: int = 0
    digest: bytes = b""

    def append(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values of a line with its place in the chain, of which it is the last one now."""
        self.number, previous = self.number + 1, self.digest
        place = {"writer": self.writer, "number": self.number, "previous": previous}
        self.digest = digest_of(values | place)
        return values | place | {"digest": self.digest}


def digest_of(line: dict[str, Any]) -> bytes:
    """The SHA-256 over a line: the digest before it, then its values as a JSON list, its writer and number first."""
    values = line | {"at": line["at"].astimezone(UTC).isoformat()}
    text = json.dumps([values.get(name) for name in ("writer", "number", *CHAINED)], separators=(",", ":"))
    return hashlib.sha256(line["previous"] + text.encode("ascii")).digest()


class Chains:
    """The chains of one process on one database. Used by many threads at once."""

    def __init__(self) -> None:
        self._free: list[Chain] = []

    @contextmanager
    def lent(self) -> Iterator[Chain]:
        """A chain for one transaction, which begins and ends within the block."""
        try:
            chain = self._free.pop()
        except IndexError:
            chain = Chain()
        length = chain.number
        try:
            yield chain
        except BaseException:
            if chain.number == length:
                self._free.append(chain)
            raise
        self._free.append(chain)


def chain_of(connection: Connection) -> Chain:
    """The chain of a write transaction."""
    chain: Chain = connection.info[KEY]
    return chain


def broken_chains(connection: Connection) -> Iterator[str]:
    """A sentence for each line that was changed, and for each gap. Lines of releases without chains have none.

    A prune takes the beginning of chains away, which then begin with a later number.
    """
    c = t.audit.c
    pruned = bool(connection.execute(select(exists().where(c.kept_from.is_not(None)))).scalar_one())
    rows = select(t.audit).where(c.writer.is_not(None)).order_by(c.pk).execution_options(yield_per=ROWS_AT_ONCE)
    ends: dict[str, Chain] = {}
    for row in connection.execute(rows):
        end = ends.get(row.writer)
        if end is None:
            begins_later = pruned and row.number > 1
            end = Chain(row.writer, row.number - 1 if begins_later else 0, row.previous if begins_later else b"")
        yield from _disagreements(row, end)
        ends[row.writer] = Chain(row.writer, row.number, row.digest)


def _disagreements(row: Row[Any], end: Chain) -> Sequence[str]:
    """What is wrong with a line after the end of its chain."""
    found = []
    if row.number != end.number + 1:
        lost = f"{row.number - end.number - 1} lines are missing" if row.number > end.number else "lines were exchanged"
        found.append(f"{lost} before line {row.pk}, by number {row.number} after {end.number} of its writer")
    elif row.previous != end.digest:
        found.append(f"line {row.pk} does not go on from the line of its writer before")
    if row.digest != digest_of(dict(row._mapping)):
        found.append(f"line {row.pk} was changed")
    return found
