"""Seconds for each long run, so that all of `make soak` fits half an hour on two cores."""

from __future__ import annotations

import time
from collections.abc import Iterator

MEMORY, PEER_MEMORY, STATE, KILL, OPENAPI, PICTURES = 480, 240, 240, 240, 200, 250


def rounds(most: int, seconds: float) -> Iterator[int]:
    """0, 1, 2 ... as many as wanted, or as begin within the seconds; always the first."""
    end = time.monotonic() + seconds
    for turn in range(most):
        if turn and time.monotonic() > end:
            return
        yield turn
