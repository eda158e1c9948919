"""Sweeps: short work that a server repeats for as long as it serves, such as erasing what has expired."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vultus.errors import VultusError

log = logging.getLogger(__name__)

STOP_SECONDS = 10.0  # longest wait for the step under way
AGAIN_SECONDS = 60.0  # least time between two tries of a sweep that failed


@dataclass(frozen=True)
class Sweep:
    """name: in words, for the log. seconds: between the end of a run and the next. run: does a part of the work that is
    due; whether there is more of it.
    """

    name: str
    seconds: float
    run: Callable[[], bool]


class Sweeper:
    """Runs each sweep at its start and every so often, in one thread. Of several processes one has it."""

    def __init__(self, sweeps: Sequence[Sweep], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._due = dict.fromkeys(sweeps, 0.0)
        self._clock = clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Sweep in a thread of its own until `close`."""
        self._thread = threading.Thread(target=self._run, name="vultus-sweeps", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the step under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def run_due(self) -> float:
        """Run each sweep that is due, one step of it; seconds until the next is."""
        for sweep, due in self._due.items():
            if due <= self._clock() and not self._stop.is_set():
                self._due[sweep] = self._clock() + self._step(sweep)
        return max(0.0, min(self._due.values(), default=AGAIN_SECONDS) - self._clock())

    def _step(self, sweep: Sweep) -> float:
        """Seconds until it is due again."""
        try:
            return 0.0 if sweep.run() else sweep.seconds
        except VultusError as exc:  # a database that is locked or full for a while
            log.warning("the sweep of %s is tried again in %.0f s: %s", sweep.name, AGAIN_SECONDS, exc)
        except Exception:  # of any kind: the other sweeps must run
            log.exception("the sweep of %s failed", sweep.name)
        return max(AGAIN_SECONDS, sweep.seconds)

    def _run(self) -> None:
        while not self._stop.wait(self.run_due()):
            pass
