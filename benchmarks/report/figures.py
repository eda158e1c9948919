"""Two plots as SVG: one /find by stage, and time and memory of search over the number of faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

Row = dict[str, Any]


def draw(results: Row, folder: Path) -> list[Path]:
    """Write the plots for which there are results; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [_profile(results["profile"], folder / "find_by_stage.svg")]
    if len(results.get("search") or []) > 1:
        paths.append(_cost(results["search"], folder / "cost_against_faces.svg"))
    return paths


def _profile(found: Row, path: Path) -> Path:
    lines = dict(found["stages_ms"])
    if found.get("http_ms", 0.0) > found["whole_ms"]:  # taken at another moment: on a busy machine it may be less
        lines["HTTP, form, answer"] = found["http_ms"] - found["whole_ms"]
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(lines), list(lines.values()), color="#37618e")
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="ms, self time", title=f"One /find by stage, {found['size']}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    return path


def _cost(rows: list[Row], path: Path) -> Path:
    faces = [row["faces"] for row in rows]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.loglog(faces, [row["search_ms"] for row in rows], "o-", color="#37618e", label="exact search, median")
    left.loglog(faces, [row["search_p95_ms"] for row in rows], "o:", color="#37618e", label="exact search, p95")
    if all("pq_search_ms" in row for row in rows):
        left.loglog(faces, [row["pq_search_ms"] for row in rows], "^-", color="#4a7c59", label="search by PQ, median")
    left.loglog(faces, [row["floor_ms"] for row in rows], "s--", color="#8e6237", label="reading the bytes")
    left.set(xlabel="faces", ylabel="ms", title="Time of one search")
    left.legend(frameon=False)
    right.loglog(faces, [row["bytes_a_face"] * row["faces"] / 2**20 for row in rows], "o-", color="#37618e")
    right.set(xlabel="faces", ylabel="MiB", title="Memory of the index")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    return path
