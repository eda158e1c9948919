"""Limits open connections.

A connection is idle (new, or kept open between requests) or working (from the end of a request's headers to the end of
its answer). At most `max_working` connections work. Idle ones may use the rest of that number, and at least `SPARE`, so
that a probe of /health still gets in when all others work. Beyond that the connection that has been idle the longest is
closed, those that never sent a request first, so that a stranger with many idle connections locks nobody out.

Callers whose key is not known yet have a small share of their own, beside the others: connections that are answered a
public page (the only large answers that need no key), and those that take any answer more slowly than it is written.
Beyond the share the one that has been slow the longest is closed, so that slow readers of public pages leave the
connections to callers with keys.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import chain, islice
from typing import Protocol

log = logging.getLogger(__name__)

SPARE = 32  # idle connections that are kept even while all others work
MAX_SHARE = 64  # connections of callers without a key; fewer where the limit is small
SECONDS_BETWEEN_LINES = 60.0  # of the log, about the same event


class Connection(Protocol):
    """A connection as the limiter sees it."""

    def abort(self) -> None:
        """Close at once."""


class ConnectionLimiter:
    """The connections of one server. Not thread-safe: used in the event loop only."""

    def __init__(self, max_working: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """max_working: connections that may work at once. clock: seconds, monotonic."""
        self._max_working, self._clock = max_working, clock
        # a dict keeps the order of insertion and removes in constant time: the connection idle the longest comes first
        self._new: dict[Connection, None] = {}  # sent no request yet
        self._kept: dict[Connection, None] = {}  # sent a request before
        self._working: set[Connection] = set()
        self._public: set[Connection] = set()  # those of the working that are answered a public page
        self._slow: dict[Connection, None] = {}  # callers without a known key; the slow the longest come first
        self._share = max(1, min(MAX_SHARE, max_working // 8))
        self._quiet_until: dict[str, float] = {}  # by event: when it may be logged again

    @property
    def limit(self) -> int:
        """The most connections that may work at once."""
        return self._max_working

    @property
    def working(self) -> int:
        """Connections between a request and its answer."""
        return len(self._working)

    @property
    def open(self) -> int:
        """Connections that are open."""
        return len(self._new) + len(self._kept) + len(self._working)

    @property
    def overloaded(self) -> bool:
        """Whether more connections work than may, beside those of public pages."""
        return len(self._working) - len(self._public) > self._max_working

    def must_refuse(self, connection: Connection) -> bool:
        """Whether the request that just started is one too many."""
        return len(self._public) > self._share if connection in self._public else self.overloaded

    def opened(self, connection: Connection) -> None:
        """A connection was accepted; it is idle."""
        self._new[connection] = None
        self._close_longest_idle()

    def request_started(self, connection: Connection, *, public: bool = False) -> None:
        """The headers of a request are complete: the connection works. public: it asks for a public page."""
        self._forget_idle(connection)
        self._working.add(connection)
        if public:
            self._public.add(connection)
            self._close_slowest(len(self._public) - self._share)
        if self.must_refuse(connection):
            self._log("refusing calls with 503 until an answer is finished")

    def request_done(self, connection: Connection) -> None:
        """The answer is complete: the connection is idle again."""
        if connection in self._working:  # not when it was closed before its answer was complete
            self._working.discard(connection)
            self._public.discard(connection)
            self._kept[connection] = None
            self._close_longest_idle()

    def slowed(self, connection: Connection) -> None:
        """A caller without a known key takes its answer more slowly than it is written."""
        self._slow[connection] = None
        self._close_slowest(len(self._slow) - self._share)

    def caught_up(self, connection: Connection) -> None:
        """The caller has taken what was written."""
        self._slow.pop(connection, None)

    def closed(self, connection: Connection) -> None:
        """The connection is closed."""
        self._forget_idle(connection)
        self._slow.pop(connection, None)
        self._public.discard(connection)
        self._working.discard(connection)

    def _forget_idle(self, connection: Connection) -> None:
        self._new.pop(connection, None)
        self._kept.pop(connection, None)

    def _close_longest_idle(self) -> None:
        if len(self._new) + len(self._kept) <= max(SPARE, self._max_working - len(self._working)):
            return
        longest = next(chain(self._new, self._kept))
        self._forget_idle(longest)
        longest.abort()
        self._log("closing those that have been silent the longest")

    def _close_slowest(self, count: int) -> None:
        for slow in tuple(islice(self._slow, max(0, count))):
            self.closed(slow)
            slow.abort()
            self._log("closing callers without a key that take their answers slowly")

    def _log(self, what: str) -> None:
        now = self._clock()
        if now >= self._quiet_until.get(what, now):
            self._quiet_until[what] = now + SECONDS_BETWEEN_LINES
            log.warning("VULTUS_MAX_CONNECTIONS=%d leaves no more: %s", self._max_working, what)
