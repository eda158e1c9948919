"""Which failures are tried again, and after how long. Only what cannot do anything twice is repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass

from vultus_client.errors import (
    QueueFull,
    QueueTimeout,
    RateLimited,
    TryLater,
    UnexpectedAnswer,
    Unreachable,
    VultusError,
)

FIRST_WAIT_SECONDS = 0.5
MOST_WAIT_SECONDS = 60.0  # a longer Retry-After is the caller's to decide about
REFUSED_BEFORE_WORK = (RateLimited, QueueFull, QueueTimeout)
OF_PROXIES = frozenset({502, 503, 504})  # a proxy whose service does not answer, or not in time


def will_pass(error: VultusError) -> bool:
    """Whether the same request may succeed later, as when the service has started again."""
    if isinstance(error, UnexpectedAnswer):
        return error.status in OF_PROXIES or error.status == 429
    return isinstance(error, TryLater | Unreachable)


def may_repeat(error: VultusError, *, repeatable: bool) -> bool:
    """Whether to send the call again. repeatable: doing it twice is no more than doing it once."""
    if not will_pass(error):
        return False
    refused = isinstance(error, REFUSED_BEFORE_WORK) or error.status == 429
    unsent = isinstance(error, Unreachable) and not error.sent
    return repeatable or refused or unsent


@dataclass
class Retries:
    """The tries of one call."""

    most: int
    repeatable: bool
    made: int = 0

    def wait(self, error: VultusError) -> float | None:
        """Seconds until the next try; None when there is none."""
        if self.made >= self.most or not may_repeat(error, repeatable=self.repeatable):
            return None
        seconds = FIRST_WAIT_SECONDS * 2**self.made * random.uniform(0.75, 1.25)  # spread, as others wait too
        if error.retry_after is not None:
            seconds = max(seconds, error.retry_after)
        self.made += 1
        return seconds if seconds <= MOST_WAIT_SECONDS else None
