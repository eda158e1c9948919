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
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from vultus.identifiers import JOINERS

SHOWN = "\n" + JOINERS  # joiners: Persian, Malayalam and other names are written with them
FILE_COLUMNS = 200  # width of a table that does not go to a terminal


def print_json(value: Any) -> None:
    """One JSON value on stdout, in ASCII, so that any terminal and any pipe takes it."""
    typer.echo(json.dumps(value, indent=2, default=str))


def print_lines(lines: Iterable[str]) -> None:
    """Lines of text on stdout, as long as they are."""
    for line in lines:
        typer.echo(printable(line))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; None is shown as a dash."""
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(printable(_cell(value)) for value in row))
    width = None if sys.stdout.isatty() else FILE_COLUMNS
    Console(width=width, markup=False, highlight=False, emoji=False).print(table)


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
