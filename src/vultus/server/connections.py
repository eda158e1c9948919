"""How many connections there may be: who says nothing makes limiter, and is never in the way of who asks something.

A connection waits (for a request: a new one, or one kept open) or works (from the end of a request's headers to the end
of its answer). As many as there are places may work; the waiting ones have the places that are left, and `SPARE` in any
case, so that a probe of /health still comes in when all others work. Beyond that the one that has waited the longest is
closed, those that never asked anything first: nothing but silence is lost, and a stranger cannot lock others out by it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import chain
from typing import Protocol

log = logging.getLogger(__name__)

SPARE = 32  # connections above the places: those that wait while all places work
SECONDS_BETWEEN_LINES = 60.0  # of the log, about one and the same thing


class Connection(Protocol):
    """What a limiter holds."""

    def abort(self) -> None:
        """Close at once."""


class ConnectionLimiter:
    """The connections of one server. Not thread-safe: it belongs to the event loop."""

    def __init__(self, places: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """places: connections that may work at once. clock: seconds."""
        self._places, self._clock = places, clock
        self._new: dict[Connection, None] = {}  # never asked anything; the longest waiting first
        self._kept: dict[Connection, None] = {}  # asked before; the longest waiting first
        self._working: set[Connection] = set()
        self._quiet_until: dict[str, float] = {}

    @property
    def overloaded(self) -> bool:
        """Whether more work than may: what was asked last is then refused."""
        return len(self._working) > self._places

    def opened(self, connection: Connection) -> None:
        """A connection is there, and waits."""
        self._new[connection] = None
        self._make_room()

    def request_started(self, connection: Connection) -> None:
        """It has asked something: it works."""
        self._forget_waiting(connection)
        self._working.add(connection)
        if self.overloaded:
            self._say("refusing calls with 503 until an answer is finished")

    def request_done(self, connection: Connection) -> None:
        """It has its answer and waits again."""
        if connection in self._working:
            self._working.discard(connection)
            self._kept[connection] = None
            self._make_room()

    def closed(self, connection: Connection) -> None:
        """It is gone."""
        self._forget_waiting(connection)
        self._working.discard(connection)

    def _forget_waiting(self, connection: Connection) -> None:
        self._new.pop(connection, None)
        self._kept.pop(connection, None)

    def _make_room(self) -> None:
        if len(self._new) + len(self._kept) <= max(SPARE, self._places - len(self._working)):
            return
        longest = next(chain(self._new, self._kept))
        self._forget_waiting(longest)
        longest.abort()
        self._say("closing those that have been silent the longest")

    def _say(self, what: str) -> None:
        now = self._clock()
        if now >= self._quiet_until.get(what, now):
            self._quiet_until[what] = now + SECONDS_BETWEEN_LINES
            log.warning("%d connections are open, as many as may (VULTUS_MAX_CONNECTIONS): %s", self._places, what)
