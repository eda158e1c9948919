"""The calibration of relative scores as TOML: the table [calibration.relative] and those within it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from vultus.models.relative_calibration import RelativeCalibration, ReliabilityTable, ScoresAtSize, Weights


def relative_lines(relative: RelativeCalibration) -> list[str]:
    """All tables of a relative calibration, scores to four decimals."""
    lines = [
        "[calibration.relative]",
        *(f"{name} = {_quoted(getattr(relative, name))}" for name in ("mean_faces", "data", "terms", "date")),
        f"nearest = {relative.nearest}",
        *(f"{name} = {getattr(relative, name)!r}" for name in ("weight", "twin_gap", "child")),
        f"likeness = [{relative.likeness[0]!r}, {relative.likeness[1]!r}]",
        f"smallest_fmr = {short_rate(relative.smallest_fmr)}",
        f"smallest_fpir = {short_rate(relative.smallest_fpir)}",
        f"largest_gallery = {relative.largest_gallery}",
        *_family_lines("fmr", relative.fmr),
        *_family_lines("fpir", relative.fpir),
    ]
    return lines if relative.reliability is None else [*lines, "", *_reliability_lines(relative.reliability)]


def pairs_text(pairs: Sequence[tuple[float, float]]) -> str:
    """(rate, threshold) pairs: thresholds to four decimals."""
    return "[" + ", ".join(f"[{short_rate(rate)}, {threshold:.4f}]" for rate, threshold in pairs) + "]"


def short_rate(rate: float) -> str:
    """A rate to two digits, 1e-3 rather than 1e-03."""
    digits, exponent = f"{rate:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


def _family_lines(name: str, family: Sequence[ScoresAtSize]) -> list[str]:
    lines = []
    for one in family:
        lines += ["", f"[[calibration.relative.{name}]]"]
        lines += [f"faces = {one.faces}", f"thresholds = {pairs_text(one.thresholds)}"]
    return lines


def _reliability_lines(table: ReliabilityTable) -> list[str]:
    return [
        "[calibration.relative.reliability]",
        f"constant = {table.constant!r}",
        f"product = {table.product!r}",
        f"linear = {_weights(table.linear)}",
        f"squared = {_weights(table.squared)}",
    ]


def _weights(weights: Weights) -> str:
    return "{ " + ", ".join(f"{json.dumps(name)} = {weight!r}" for name, weight in weights) + " }"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
