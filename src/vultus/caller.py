"""Who waits for the work of a thread; when nobody does any more, the work ends at its next step.

The thread that computes cannot be interrupted, so it asks: `leave_if_unwanted()` between its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock


class CallerGone(Exception):
    """Nobody waits for the result; nothing was changed."""


class Caller:
    """The one who waits. Used by the thread that works and the one that notices that nobody waits."""

    def __init__(self) -> None:
        self.gone = False
        self._acts: list[Callable[[], None]] = []
        self._lock = Lock()

    def leave(self) -> None:
        """Mark the caller as gone, and end what was registered with `ending`."""
        with self._lock:
            self.gone = True
            for act in self._acts:
                act()

    @contextmanager
    def ending(self, act: Callable[[], None]) -> Iterator[None]:
        """While the block runs, call `act`, which is quick, when the caller goes. Raises CallerGone."""
        with self._lock:
            if self.gone:
                raise CallerGone
            self._acts.append(act)
        try:
            yield
        finally:
            with self._lock:
                self._acts.remove(act)


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


@contextmanager
def waiting() -> Iterator[Caller]:
    """Work that the block starts, in threads too that get a copy of its context, has this caller."""
    caller = Caller()
    token = _CALLER.set(caller)
    try:
        yield caller
    finally:
        _CALLER.reset(token)


def leave_if_unwanted() -> None:
    """Raises CallerGone when nobody waits for the work of this thread any more."""
    caller = _CALLER.get()
    if caller is not None and caller.gone:
        raise CallerGone


@contextmanager
def ended_by_caller(act: Callable[[], None]) -> Iterator[None]:
    """While the block runs, call `act` when the caller of this thread goes; one without a caller runs to its end."""
    caller = _CALLER.get()
    if caller is None:
        yield
        return
    with caller.ending(act):
        yield
