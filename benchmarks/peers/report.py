"""The comparison as text: ratios first, then milliseconds, then processor time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.made_gallery import DEFAULT, OURS
from benchmarks.peers.compare import SAME_WORK
from benchmarks.report.plain_table import ms, table

Row = dict[str, Any]


def peers(found: Row) -> Iterator[str]:
    """All tables of a comparison, as `compare` returns it."""
    yield f"Side by side, in turn; Vultus over HTTP; /find of a peer over {found['find_people']} people"
    for name, described in found["peers"].items():
        yield f"  {name}: {described}"
    rows, names = found["rows"], list(found["peers"])
    yield "Times Vultus with its default model, two networks: time (processor time); more than 1: the peer is slower"
    yield from _table(rows, names, lambda row, name: _times(row, name, DEFAULT))
    yield "Times Vultus at the same work: " + ", ".join(f"{SAME_WORK[n]} for {n}" for n in names if n in SAME_WORK)
    same = [name for name in names if name in SAME_WORK]
    yield from _table(rows, same, lambda row, name: _times(row, name, SAME_WORK[name]))
    yield "Milliseconds, medians"
    yield from _table(rows, [*OURS, *names], lambda row, name: ms(row["ms"].get(name)))
    yield "Processor time of all threads, milliseconds, means"
    yield from _table(rows, [*OURS, *names], lambda row, name: ms(row["cpu_ms"].get(name)))
    for name, why in found["not_run"].items():
        yield f"not run: {name}: {why}"


def _times(row: Row, name: str, ours: str) -> str:
    if name not in row["ms"] or ours not in row["ms"]:
        return "-"
    wall, cpu = row["ms"][name] / row["ms"][ours], row["cpu_ms"][name] / max(row["cpu_ms"][ours], 1e-9)
    return f"{wall:.2f} ({cpu:.2f})"


def _table(rows: list[Row], names: list[str], cell: Any) -> Iterator[str]:
    cells = [
        (row["call"], row["size"], *(cell(row, name) for name in names), " to ".join(f"{x:.1f}" for x in row["load"]))
        for row in rows
    ]
    yield from table(("call", "photos", *names, "load"), cells, words=2)
