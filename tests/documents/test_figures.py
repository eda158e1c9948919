"""Figures that a page repeats are those of the page that measured them."""

from __future__ import annotations

import re

from tests.documents.pages import DOCS

ACCURACY = (DOCS / "accuracy.md").read_text("utf-8")
ERROR_RATE = (DOCS / "how-to" / "error-rate.md").read_text("utf-8")


def last_cell(kind: str) -> list[float]:
    """The percentages in the last cell of the row that begins with `kind`."""
    row = next(line for line in ACCURACY.splitlines() if line.startswith(f"| {kind} |"))
    return [float(value) for value in re.findall(r"([\d.]+) %", row.rsplit("|", 2)[1])]


def row_of(first: str) -> list[str]:
    row = next(line for line in ERROR_RATE.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_false_non_matches_of_each_rate_are_the_measured_ones():
    wild = re.search(r"FNMR ([\d.]+), ([\d.]+) and ([\d.]+) % at 1e-2, 1e-3 and 1e-4", ACCURACY).groups()
    for place, rate in enumerate(("1 in 1,000", "1 in 10,000")):
        press, camera = (last_cell(kind)[place] for kind in ("Press photos (LFW)", "One camera (ORL)"))
        assert row_of(rate)[3:] == [f"{value:.1f} %" for value in (press, float(wild[place + 1]), camera)]
    assert row_of("1 in 100")[4] == f"{float(wild[0]):.1f} %" == "7.0 %"


def test_the_misses_of_searches_are_the_measured_ones():
    for enrolled in (10, 50, 150, 500):
        assert row_of(str(enrolled))[1:] == [f"{value} %" for value in last_cell(f"{enrolled} | relative")]
