"""Limits for waiting in tests: long enough for a busy machine, and of one home.

A test waits for a condition, never for a time. The limit only says when to give up, so that a failure is reported and
nothing hangs; a test that passes never waits for it.

    wait_until(lambda: server.started, "the server to start")
    process.communicate(timeout=patient())

VULTUS_TEST_PATIENCE multiplies all limits: 3 for a machine that is three times as slow.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from vultus.cores import available_cores

PATIENCE = float(os.environ.get("VULTUS_TEST_PATIENCE", "1"))
SECONDS = 60.0  # for what takes at most a few seconds on an idle machine
POLL_SECONDS = 0.01


def patient(seconds: float = SECONDS) -> float:
    """A limit in seconds, multiplied by PATIENCE and by the runnable processes per core, if more than one."""
    return seconds * PATIENCE * max(1.0, os.getloadavg()[0] / available_cores())


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = SECONDS) -> None:
    """Return when the condition is true. what: as in "gave up waiting for WHAT"; seconds: before `patient`."""
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        assert waited < patient(seconds), f"gave up waiting for {what} after {waited:.0f} s"
        time.sleep(POLL_SECONDS)
