"""Limits the requests of a key per minute. Counted in this process only."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 60.0


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


class RateLimiter:
    """Fixed windows of one minute, one per key, that begin with the key's first request. clock: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, key_id: str, limit: int) -> Allowance:
        """Count one request of this key."""
        with self._lock:
            now = self._clock()
            begun, used = self._windows.get(key_id, (now, 0))
            if not 0 <= now - begun < WINDOW_SECONDS:  # below 0: the clock was set back
                begun, used = now, 0
            used = min(used + 1, limit + 1)  # refused requests do not count up without end
            self._windows[key_id] = (begun, used)
        return Allowance(limit, limit - used, begun + WINDOW_SECONDS - now)
