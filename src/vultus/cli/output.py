"""Output of the commands: tables for people and JSON for programs on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import typer
from rich.text import Text

from vultus.cli.terminal.colours import console, style_of
from vultus.cli.terminal.table_layout import file_table, table_of
from vultus.identifiers import JOINERS

SHOWN = "\n" + JOINERS  # joiners: Persian, Malayalam and other names are written with them
FILE_COLUMNS = 200  # least width of a table that does not go to a terminal


def print_json(value: Any) -> None:
    """One JSON value on stdout, in ASCII, so that any terminal and any pipe takes it."""
    typer.echo(json.dumps(value, indent=2, default=str))


def print_lines(lines: Iterable[str]) -> None:
    """Lines of text on stdout, as long as they are."""
    for line in lines:
        typer.echo(printable(line))


def print_states(lines: Iterable[tuple[str, str]]) -> None:
    """Lines that begin with the word of a state, which has its colour on a terminal."""
    out = console()
    for state, text in lines:
        out.print(Text.assemble((state, style_of(state.strip(": "))), printable(text)), soft_wrap=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; None is shown as a dash. On a terminal as wide as that is, elsewhere as wide as it needs."""
    cells = [[printable(_cell(value)) for value in row] for row in rows]
    out = console()
    if sys.stdout.isatty():
        out.print(table_of(columns, cells, out.width))
        return
    table, width = file_table(columns, cells)
    out.width = max(FILE_COLUMNS, width)
    out.print(table)


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
