"""Tables of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> Iterator[str]:
    """Lines of aligned columns; the first `words` columns to the left, the others, numbers, to the right."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        cells = (
            cell.ljust(w) if i < words else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def ms(value: float | None) -> str:
    """Milliseconds as text, - for none."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}"
