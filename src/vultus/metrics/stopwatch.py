"""The time of one request by stage: decoding, detecting, embedding, searching, the database.

    with timed() as stopwatch:          the layer of a request
        ...
            with stage("decode"):       the part that does the work, in a thread that has a copy of the context
                ...
    stopwatch.seconds()                 {"decode": 0.012}

Stages inside of each other are counted once: a stage has the time that no stage inside of it has. Work that no request
waits for has no stopwatch, and `stage` does next to nothing there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from threading import get_ident
from time import perf_counter
from types import TracebackType
from typing import Literal

Stage = Literal["wait", "decode", "detect", "embed", "liveness", "search", "database_read", "database_write", "photos"]


class Stopwatch:
    """The stages of one request. Used by several threads at once."""

    def __init__(self) -> None:
        self._laps: list[tuple[Stage, float]] = []  # appending is atomic, adding up would not be

    def add(self, name: Stage, seconds: float) -> None:
        """Count so many seconds of a stage."""
        self._laps.append((name, seconds))

    def seconds(self) -> dict[Stage, float]:
        """The seconds of each stage that there was; of stages side by side, those of all together."""
        totals: dict[Stage, float] = {}
        for name, seconds in tuple(self._laps):
            totals[name] = totals.get(name, 0.0) + seconds
        return totals


_STOPWATCH: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)
_AROUND: ContextVar[stage | None] = ContextVar("stage", default=None)


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """The stages of the block, in threads too that get a copy of its context, are counted by this stopwatch."""
    stopwatch = Stopwatch()
    token = _STOPWATCH.set(stopwatch)
    try:
        yield stopwatch
    finally:
        _STOPWATCH.reset(token)


class stage:  # noqa: N801 - reads as a statement, as contextlib.suppress
    """While the block runs, it is this stage of the request."""

    __slots__ = ("_around", "_begun", "_inside", "_name", "_stopwatch", "_thread", "_token")
    _token: Token[stage | None]

    def __init__(self, name: Stage) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._stopwatch = _STOPWATCH.get()
        if self._stopwatch is None:
            return
        self._thread, self._inside = get_ident(), 0.0
        self._around = _AROUND.get()
        self._token = _AROUND.set(self)
        self._begun = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        if self._stopwatch is None:
            return
        seconds = perf_counter() - self._begun
        _AROUND.reset(self._token)
        self._stopwatch.add(self._name, max(0.0, seconds - self._inside))
        around = self._around
        if around is not None and around._thread == self._thread:  # not where this ran beside it, in a helping thread
            around._inside += seconds
