"""Writes a relative calibration into a model card; everything else of the card stays byte for byte."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from vultus.files import write_whole
from vultus.models.card import parse_card
from vultus.models.relative_calibration import RelativeCalibration
from vultus.models.relative_toml import relative_lines

OURS = re.compile(r"\[\[?calibration\.relative\b")
BEFORE = "[calibration.search]"  # the table that ours follow


def write_card(path: Path, calibration: RelativeCalibration) -> None:
    """Put the tables into the card, in place of former ones. Raises OSError, ModelInvalid."""
    text = with_tables(path.read_text("utf-8"), relative_lines(calibration))
    parse_card(text, path.name)
    write_whole(path, text.encode())


def with_tables(card: str, tables: Sequence[str]) -> str:
    """The card's text with the lines of the tables behind BEFORE. Raises ValueError where the card has none such."""
    lines = _without_ours(card.splitlines())
    if BEFORE not in lines:
        raise ValueError(f"the card has no table {BEFORE}; calibrate the model's cosines first")
    end = lines.index(BEFORE) + 1
    while end < len(lines) and lines[end].strip() and not lines[end].startswith(("[", "#")):
        end += 1
    return "\n".join([*lines[:end], "", *tables, *lines[end:]]) + "\n"


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
