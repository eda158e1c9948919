"""Progress on stderr: a bar or a moving sign on a terminal, else a line now and then, or nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TransferSpeedColumn,
)

from vultus.cli.output import say
from vultus.cli.terminal.colours import can_redraw, console

SECONDS_BETWEEN_LINES = 30.0
RATE_SECONDS = 60.0  # over which the rate is taken: photos that were there already go by much faster
LEAST_RATE_SECONDS = 5.0  # below it no rate is shown

Report = Callable[[int, int | None], None]  # called with how many are done, and of how many; None: not known


@contextmanager
def progress(label: str, total: int, *, lines: bool = True, bar: bool = True) -> Iterator[Callable[[], None]]:
    """Yields a function to call after each of `total` photos, rows or files.

    lines: whether lines are said where no bar is. bar: False with --json, which is for programs.
    """
    if not (bar and can_redraw()):
        yield Lines(label, total).advance if lines else _nothing
        return
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[estimate]}"))
    rate = Rate(total)
    with Progress(*columns, console=console(stderr=True)) as shown:
        task = shown.add_task(label, total=total, estimate="")

        def advance() -> None:
            rate.advance()
            shown.update(task, advance=1, estimate=rate.estimate())

        yield advance


@contextmanager
def counted(label: str, *, bar: bool = True, otherwise: Report | None = None) -> Iterator[Report]:
    """Yields a function to call with how many are done, and of how many, where the work counts by itself.

    otherwise: called in its place where no bar is shown.
    """
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn())
    with _totalled(label, columns, bar=bar) as update:
        yield update or otherwise or _nothing


@contextmanager
def transferred(label: str, *, bar: bool = True) -> Iterator[Report]:
    """Yields a function to call with the bytes that are here, and all of them; None where that is not known."""
    columns = (TextColumn(label), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with _totalled(label, columns, bar=bar) as update:
        yield update or _nothing


@contextmanager
def working(label: str, *, bar: bool = True) -> Iterator[None]:
    """Shows on a terminal that something goes on whose length nobody knows."""
    if not (bar and can_redraw()):
        yield
        return
    with console(stderr=True).status(label):
        yield


@contextmanager
def _totalled(label: str, columns: tuple[ProgressColumn, ...], *, bar: bool) -> Iterator[Report | None]:
    if not (bar and can_redraw()):
        yield None
        return
    with Progress(*columns, console=console(stderr=True)) as shown:
        task = shown.add_task(label, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def _nothing(*_: object) -> None:
    """Shows no progress."""


class Rate:
    """Photos a second over the last RATE_SECONDS, and how long the rest takes at that rate."""

    def __init__(self, total: int, *, clock: Callable[[], float] = monotonic) -> None:
        self.done, self._total, self._clock = 0, total, clock
        self._samples = deque([(clock(), 0)])  # at most one a second: when, and how many were done

    def advance(self) -> None:
        """Count one photo."""
        self.done += 1
        now = self._clock()
        if now - self._samples[-1][0] >= 1:
            self._samples.append((now, self.done))
            while now - self._samples[1][0] >= RATE_SECONDS:
                self._samples.popleft()

    def estimate(self) -> str:
        """In words; empty while too little is known."""
        (begun, before), (now, done) = self._samples[0], self._samples[-1]
        left = self._total - self.done
        if now - begun < LEAST_RATE_SECONDS or not left:
            return ""
        rate = (done - before) / (now - begun)
        return f"{rate:.1f} a second over the last {now - begun:.0f} s, {left} left, about {_duration(left / rate)}"


def _duration(seconds: float) -> str:
    """In the unit that suits it: 40 s, 12 min, 3 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


class Lines:
    """A line at most every SECONDS_BETWEEN_LINES."""

    def __init__(self, label: str, total: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._label, self._total, self._clock = label, total, clock
        self._rate, self._said = Rate(total, clock=clock), clock()

    def advance(self) -> None:
        """Count one photo, and say so when it is time to."""
        self._rate.advance()
        if self._clock() - self._said >= SECONDS_BETWEEN_LINES:
            self._said = self._clock()
            estimate = self._rate.estimate()
            say(f"{self._label}: {self._rate.done} of {self._total}" + (f"; {estimate}" if estimate else ""))
