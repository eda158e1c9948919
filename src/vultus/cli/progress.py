"""How far a long run is, on stderr: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vultus.cli.output import say

SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Call what it yields after each of `total` photos."""
    if not sys.stderr.isatty():
        yield Lines(label, total).advance
        return
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


class Lines:
    """A line at most every SECONDS_BETWEEN_LINES."""

    def __init__(self, label: str, total: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._label, self._total, self._clock = label, total, clock
        self._done, self._said = 0, clock()

    def advance(self) -> None:
        self._done += 1
        if self._clock() - self._said >= SECONDS_BETWEEN_LINES:
            self._said = self._clock()
            say(f"{self._label}: {self._done} of {self._total}")
