"""Output of the commands: tables for people and JSON for programs on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
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


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Yields a function to call after each of `total` photos."""
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
