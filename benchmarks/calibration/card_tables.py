"""Writes a relative calibration into a model card; everything else of the card stays byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

from vultus.files import write_whole
from vultus.models.card import parse_card
from vultus.models.relative_calibration import RelativeCalibration, ReliabilityTable, ScoresAtSize

OURS = re.compile(r"\[\[?calibration\.relative\b")
BEFORE = "[calibration.search]"  # the table that ours follow


def write_card(path: Path, calibration: RelativeCalibration) -> None:
    """Put the tables into the card, in place of former ones. Raises OSError, ModelInvalid."""
    text = with_tables(path.read_text("utf-8"), tables_of(calibration))
    parse_card(text, path.name)
    write_whole(path, text.encode())


def with_tables(card: str, tables: str) -> str:
    """The card's text with the tables behind BEFORE. Raises ValueError where the card has no such table."""
    lines = _without_ours(card.splitlines())
    if BEFORE not in lines:
        raise ValueError(f"the card has no table {BEFORE}; calibrate the model's cosines first")
    end = lines.index(BEFORE) + 1
    while end < len(lines) and lines[end].strip() and not lines[end].startswith(("[", "#")):
        end += 1
    return "\n".join([*lines[:end], "", *tables.splitlines(), *lines[end:]]) + "\n"


def _without_ours(lines: list[str]) -> list[str]:
    """The lines without our tables and the empty line before each."""
    kept: list[str] = []
    inside = False
    for line in lines:
        if line.startswith("["):
            inside = bool(OURS.match(line))
            if inside and kept and not kept[-1]:
                kept.pop()
        elif line.startswith("#") or not line:  # an empty line ends a table of ours, comments belong to what follows
            inside = False
        if not inside:
            kept.append(line)
    return kept


def tables_of(found: RelativeCalibration) -> str:
    """The TOML tables of a relative calibration."""
    lines = [
        "[calibration.relative]",
        *(f'{name} = "{getattr(found, name)}"' for name in ("mean_faces", "data", "terms", "date")),
        f"nearest = {found.nearest}",
        *(f"{name} = {getattr(found, name)!r}" for name in ("weight", "twin_gap", "child")),
        f"likeness = [{found.likeness[0]!r}, {found.likeness[1]!r}]",
        *(f"{name} = {getattr(found, name):.0e}" for name in ("smallest_fmr", "smallest_fpir")),
        f"largest_gallery = {found.largest_gallery}",
    ]
    for name in ("fmr", "fpir"):
        for one in getattr(found, name):
            lines += ["", *_at_size(name, one)]
    if found.reliability is not None:
        lines += ["", *_reliability(found.reliability)]
    return "\n".join(lines)


def _at_size(name: str, one: ScoresAtSize) -> list[str]:
    pairs = ", ".join(f"[{rate:.0e}, {score:.4f}]" for rate, score in one.thresholds)
    return [f"[[calibration.relative.{name}]]", f"faces = {one.faces}", f"thresholds = [{pairs}]"]


def _reliability(table: ReliabilityTable) -> list[str]:
    weights = {name: ", ".join(f"{part} = {weight!r}" for part, weight in getattr(table, name)) for name in _WEIGHTS}
    return [
        "[calibration.relative.reliability]",
        f"constant = {table.constant!r}",
        f"product = {table.product!r}",
        *(f"{name} = {{ {text} }}" for name, text in weights.items()),
    ]


_WEIGHTS = ("linear", "squared")
