"""Output of the commands: tables for people and JSON for programs on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from vultus.identifiers import JOINERS

SHOWN = "\n" + JOINERS  # joiners: Persian, Malayalam and other names are written with them
FILE_COLUMNS = 200  # least width of a table that does not go to a terminal
MARGIN = 3  # between two columns
NARROWEST = 3  # column beside the ids


def print_json(value: Any) -> None:
    """One JSON value on stdout, in ASCII, so that any terminal and any pipe takes it."""
    typer.echo(json.dumps(value, indent=2, default=str))


def print_lines(lines: Iterable[str]) -> None:
    """Lines of text on stdout, as long as they are."""
    for line in lines:
        typer.echo(printable(line))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; None is shown as a dash. On a terminal as wide as that is, elsewhere as wide as it needs."""
    cells = [[printable(_cell(value)) for value in row] for row in rows]
    console = Console(markup=False, highlight=False, emoji=False)
    if not sys.stdout.isatty():
        console.width = max(FILE_COLUMNS, sum(_longest(columns, cells)) + MARGIN * len(columns) + 1)
    console.print(table_of(columns, cells, console.width))


def table_of(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    """The table of these cells, `width` characters wide at most. Nothing is cut: what is too wide is folded.

    The widest columns are narrowed, and the first, which has the ids, only when all others are as narrow as can be.
    """
    widths = _longest(columns, rows)
    while sum(widths) + MARGIN * len(widths) >= width and max(widths) > 1:
        others = max(widths[1:], default=0)
        widths[widths.index(others, 1) if others > NARROWEST else widths.index(max(widths))] -= 1
    table = Table(box=box.SIMPLE_HEAD)
    for name, one in zip(columns, widths, strict=True):
        table.add_column(name, overflow="fold", width=one)
    for row in rows:
        table.add_row(*row)
    return table


def _longest(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column), default=1) or 1 for column in zip(columns, *rows, strict=True)]


def say(text: str) -> None:
    """A line on stderr."""
    typer.echo(printable(text), err=True)


def printable(text: str) -> str:
    """The text with control characters, and what a terminal cannot show, as question marks; SHOWN ones stay."""
    return "".join(character if character.isprintable() or character in SHOWN else "?" for character in text)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


SECONDS_BETWEEN_LINES = 30.0
RATE_SECONDS = 60.0  # over which the rate is taken: photos that were there already go by much faster
LEAST_RATE_SECONDS = 5.0  # below it no rate is shown


@contextmanager
def progress(label: str, total: int, *, lines: bool = True) -> Iterator[Callable[[], None]]:
    """Yields a function to call after each of `total` photos. lines: whether lines are said where no terminal is."""
    if not sys.stderr.isatty():
        yield Lines(label, total).advance if lines else _nothing
        return
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[estimate]}"))
    rate = Rate(total)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, estimate="")

        def advance() -> None:
            rate.advance()
            bar.update(task, advance=1, estimate=rate.estimate())

        yield advance


def _nothing() -> None:
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
