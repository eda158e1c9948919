"""The layout of tables: nothing is cut, and ids are never broken, so that they can be copied.

What fits the width is a table, its texts wrapped between words. What does not is shown as one block a row, a line a
value, as psql's expanded display does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vultus.cli.terminal.colours import style_of

FILE_MARGIN, MARGIN = 3, 2  # between two columns, in a file and on a terminal
MOST_LINES = 6  # of a row: a sentence in a narrow column is hard to read
EMPTY = "-"
ID_COLUMNS = frozenset({"id", "subject", "face", "collection", "model", "request", "replica", "who"})
Rows = Sequence[Sequence[str]]


def table_of(columns: Sequence[str], rows: Rows, width: int) -> RenderableType:
    """These cells, `width` characters wide at most."""
    widths = _fitted(columns, rows, width)
    if widths is None:
        return _blocks(columns, rows)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, MARGIN - 1, 0, 0))
    return _filled(table, columns, rows, widths)


def file_table(columns: Sequence[str], rows: Rows) -> tuple[Table, int]:
    """The table for a file or a pipe, which wraps nothing, and its width in characters."""
    widths = _longest(columns, rows)
    width = sum(widths) + FILE_MARGIN * len(columns) + 1
    return _filled(Table(box=box.SIMPLE_HEAD), columns, rows, widths), width


def _fitted(columns: Sequence[str], rows: Rows, width: int) -> list[int] | None:
    """The width of each column, the widest ones narrowed; None where words would be broken, or rows become tall."""
    widths, least = _longest(columns, rows), _least(columns, rows)
    room = width - MARGIN * (len(columns) - 1)
    if sum(least) > room:
        return None
    while sum(widths) > room:
        _, at = max((have, at) for at, (have, need) in enumerate(zip(widths, least, strict=True)) if have > need)
        widths[at] -= 1
    tall = any(cell_len(cell) > MOST_LINES * have for row in rows for cell, have in zip(row, widths, strict=True))
    return None if tall else widths


def _filled(table: Table, columns: Sequence[str], rows: Rows, widths: Sequence[int]) -> Table:
    for name, one in zip(columns, widths, strict=True):
        table.add_column(name, overflow="fold", width=one)
    for row in rows:
        table.add_row(*(Text(cell, style=style_of(cell)) for cell in row))
    return table


def _blocks(columns: Sequence[str], rows: Rows) -> RenderableType:
    """A block for each row, which leaves out what is empty."""
    return Group(*(_block(columns, row) for row in rows)) if rows else Text("none")


def _block(columns: Sequence[str], row: Sequence[str]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", width=max(map(cell_len, columns)))
    grid.add_column(overflow="fold")
    for name, cell in zip(columns, row, strict=True):
        if cell != EMPTY:
            grid.add_row(name, Text(cell, style=style_of(cell)))
    grid.add_row()
    return grid


def _longest(columns: Sequence[str], rows: Rows) -> list[int]:
    return [max(map(cell_len, column), default=1) or 1 for column in zip(columns, *rows, strict=True)]


def _least(columns: Sequence[str], rows: Rows) -> list[int]:
    """The width of each column below which a word, or an id, would be broken."""
    found = []
    for name, *cells in zip(columns, *rows, strict=True):
        longest = max(map(cell_len, cells), default=1) if name in ID_COLUMNS else _longest_word(cells)
        found.append(max(_longest_word([name]), longest))
    return found


def _longest_word(texts: Iterable[str]) -> int:
    return max((cell_len(word) for text in texts for word in text.split()), default=1)
