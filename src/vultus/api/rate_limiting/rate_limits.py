"""Limits the requests of a key per minute: counted in this process, or in memory that several share."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

WINDOW_SECONDS = 60.0
Window = tuple[float, int]  # when it began, and the requests in it
Change = Callable[[Window | None], Window]


@dataclass(frozen=True)
class Allowance:
    """The requests that a key has left in its window. remaining: -1 when this request is one too many."""

    limit: int
    remaining: int
    reset_seconds: float

    @property
    def exceeded(self) -> bool:
        return self.remaining < 0

    def headers(self) -> dict[str, str]:
        """The three RateLimit headers; Reset is in seconds from now."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.remaining, 0)),
            "RateLimit-Reset": str(math.ceil(self.reset_seconds)),
        }


class Windows(Protocol):
    """The windows of keys, by the id of the key."""

    def change(self, key_id: str, change: Change) -> Window:
        """Replace the window of a key by what `change` makes of it, for one caller at a time; None: it has none."""


class LocalWindows:
    """The windows of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, Window] = {}

    def change(self, key_id: str, change: Change) -> Window:
        """Replace the window of a key by what `change` makes of it."""
        with self._lock:
            new = self._windows[key_id] = change(self._windows.get(key_id))
        return new


class RateLimiter:
    """Fixed windows of one minute, one per key, that begin with the key's first request."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, windows: Windows | None = None) -> None:
        """clock: seconds, monotonic. windows: those of this process by default."""
        self._clock = clock
        self._windows = windows or LocalWindows()

    def take(self, key_id: str, limit: int) -> Allowance:
        """Count one request of this key."""
        now = self._clock()

        def one_more(window: Window | None) -> Window:
            begun, used = window or (now, 0)
            if not 0 <= now - begun < WINDOW_SECONDS:  # below 0: the clock was set back
                begun, used = now, 0
            return begun, min(used + 1, limit + 1)  # refused requests do not count up without end

        begun, used = self._windows.change(key_id, one_more)
        return Allowance(limit, limit - used, max(0.0, begun + WINDOW_SECONDS - now))
