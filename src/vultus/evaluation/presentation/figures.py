"""The figures of the report as inline SVG: DET curve, score histograms, FPIR asked and found, groups.

The only importer of matplotlib, which takes long to load: it is loaded when the first figure is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vultus.evaluation.intervals import COMPARISONS_PER_CLAIM, Interval, Rate
from vultus.evaluation.measure import GroupResult, VerificationResult
from vultus.evaluation.scores import Histogram
from vultus.evaluation.split_half import HalvesResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MATED, NONMATED, ASKED, QUIET = "#0f766e", "#c2410c", "#1f2937", "#9ca3af"
WIDTH, HEIGHT = 6.4, 4.2  # inches
COARSE_BINS = 256
SMALLEST_SHARE = 1e-6
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "vultus",  # the same ids in each run, so that equal figures are equal files
}


def can_draw() -> bool:
    """Whether matplotlib is here; a container image leaves it out."""
    return find_spec("matplotlib") is not None


def draw_det(found: VerificationResult) -> str:
    """The DET curve: FNMR over FMR, both logarithmic, with operating points; grey where no FMR can be claimed."""
    return _as_svg(partial(_plot_det, found))


def draw_histograms(found: VerificationResult, scores: str) -> str:
    """The shares of mated and non-mated scores, on a logarithmic scale, with thresholds as lines."""
    return _as_svg(partial(_plot_histograms, found, scores))


def draw_rates(found: VerificationResult, scores: str) -> str:
    """FMR falling and FNMR rising with the threshold, on a logarithmic scale; they cross at the equal error rate."""
    return _as_svg(partial(_plot_rates, found, scores))


def draw_fpir(found: HalvesResult) -> str:
    """FPIR found over the size of the gallery, for each FPIR asked: by the model, and by independence."""
    return _as_svg(partial(_plot_fpir, found))


def draw_groups(groups: Sequence[GroupResult]) -> str:
    """FNMR of each group with its interval by bootstrap over people."""
    return _as_svg(partial(_plot_groups, groups), height=1.2 + 0.4 * len(_measured(groups)))


def _plot_det(found: VerificationResult, axes: Axes) -> None:
    low = 1 / found.nonmated.total
    axes.axvspan(low / 3, COMPARISONS_PER_CLAIM / found.nonmated.total, color="#f3f4f6", zorder=0)
    drawn = (found.det.fmr > 0) & (found.det.fnmr > 0)
    axes.plot(found.det.fmr[drawn], found.det.fnmr[drawn], color=MATED, linewidth=2)
    for point in (point for point in found.points if point.supported and point.fmr.errors):
        axes.plot(point.fmr.value, max(point.fnmr.value, 1e-9), "o", color=MATED, markersize=5)
        _label(axes, f"{100 * point.fnmr.value:.2g} %", point.fmr.value, point.fnmr.value)
    axes.set(xscale="log", yscale="log", xlabel="false match rate", ylabel="false non-match rate")
    axes.set_xlim(low / 3, 1)
    axes.set_ylim(_floor(found.det.fnmr), 1.05)


def _plot_histograms(found: VerificationResult, scores: str, axes: Axes) -> None:
    for histogram, colour, name in (
        (found.nonmated, NONMATED, "different people"),
        (found.mated, MATED, "same person"),
    ):
        middles, shares = _coarse(histogram)
        axes.fill_between(middles, SMALLEST_SHARE, shares, where=shares > 0, color=colour, alpha=0.35, linewidth=0)
        axes.plot(middles, np.where(shares > 0, shares, np.nan), color=colour, linewidth=1.2, label=name)
    for point in (point for point in found.points if point.supported):
        axes.axvline(point.threshold, color=ASKED, linewidth=0.8, linestyle=(0, (4, 3)))
        _label(axes, f"{point.target_fmr:.0e}".replace("e-0", "e-"), point.threshold, 0.4, vertical=True)
    axes.set(yscale="log", xlabel=f"{scores}; lines: thresholds by FMR", ylabel="share of comparisons")
    axes.set_ylim(SMALLEST_SHARE, 1)
    axes.set_xlim(*_range(found))
    axes.legend(loc="upper left")


def _plot_rates(found: VerificationResult, scores: str, axes: Axes) -> None:
    for rates, colour, name in (
        (found.det.fmr, NONMATED, "false match rate"),
        (found.det.fnmr, MATED, "false non-match rate"),
    ):
        axes.plot(found.det.thresholds, np.where(rates > 0, rates, np.nan), color=colour, linewidth=2, label=name)
    crossing = found.equal_error
    axes.plot(crossing.threshold, crossing.rate, "o", color=ASKED, markersize=5)
    _label(axes, f"equal error rate {100 * crossing.rate:.2g} %", crossing.threshold, crossing.rate, offset=(10, -5))
    axes.set(yscale="log", xlabel=f"threshold ({scores})", ylabel="error rate")
    axes.set_xlim(*_range(found))
    axes.set_ylim(min(_floor(found.det.fmr), _floor(found.det.fnmr)), 1.5)
    axes.legend(loc="lower left")


def _plot_fpir(found: HalvesResult, axes: Axes) -> None:
    for number, asked in enumerate(sorted({line.asked for line in found.fpir}, reverse=True)):
        lines = [line for line in found.fpir if line.asked == asked]
        sizes = [line.size for line in lines]
        labels = ("asked", "found, by the model", "found, if independent") if number == 0 else (None, None, None)
        axes.axhline(asked, color=ASKED, linewidth=1, linestyle=(0, (4, 3)), label=labels[0])
        axes.fill_between(sizes, asked / 1.5, asked * 1.5, color="#f3f4f6", zorder=0)
        for line in lines:
            ends = [asked * min(line.factors), asked * max(line.factors)]
            axes.plot([line.size] * 2, ends, color=MATED, linewidth=4, alpha=0.25)
        axes.plot(sizes, [asked * fmean(line.factors) for line in lines], "o-", color=MATED, label=labels[1])
        if all(line.independent for line in lines):
            rates = [asked * fmean(line.independent) for line in lines]
            axes.plot(sizes, rates, "s--", color=NONMATED, label=labels[2])
    axes.set(xscale="log", yscale="log", xlabel="people in the gallery", ylabel="false-positive identification rate")
    sizes = sorted({line.size for line in found.fpir})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.legend(loc="center left")


def _plot_groups(groups: Sequence[GroupResult], axes: Axes) -> None:
    shown = _measured(groups)
    for row, (_, rate, bounds) in enumerate(shown):
        axes.plot([100 * bounds.low, 100 * bounds.high], [row, row], color=MATED, linewidth=5, alpha=0.3)
        axes.plot(100 * rate.value, row, "o", color=MATED)
    axes.set_yticks(range(len(shown)), [name for name, _, _ in shown])
    axes.set_xlabel("false non-match rate, %, with 95 % interval over people")
    axes.set_xlim(left=0)


def _measured(groups: Sequence[GroupResult]) -> list[tuple[str, Rate, Interval]]:
    """Name, FNMR and interval of the groups that have them, the last first."""
    return [
        (group.name, group.fnmr, group.fnmr_bootstrap)
        for group in reversed(groups)
        if group.fnmr and group.fnmr_bootstrap
    ]


def _as_svg(plot: Callable[[Axes], None], *, height: float = HEIGHT) -> str:
    """A plot as an <svg> element. height: inches."""
    out = io.StringIO()
    with import_module("matplotlib").rc_context(STYLE):
        figure = import_module("matplotlib.figure").Figure(figsize=(WIDTH, height), layout="constrained")
        # No pyplot: it would choose a backend for the screen, and keep every figure in memory.
        import_module("matplotlib.backends.backend_svg").FigureCanvasSVG(figure)
        plot(figure.add_subplot())
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    return text[text.index("<svg") :]  # without the document type, which names a file on the web


def _label(
    axes: Axes, text: str, x: float, y: float, *, offset: tuple[int, int] = (5, 5), vertical: bool = False
) -> None:
    axes.annotate(
        text,
        (x, y),
        xytext=(3, 0) if vertical else offset,
        textcoords="offset points",
        fontsize=7.5,
        color=ASKED,
        rotation=90 if vertical else 0,
        va="top" if vertical else "bottom",
    )


def _coarse(histogram: Histogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middles of COARSE_BINS bins over [-1, 1] and the share of scores in each."""
    shares = histogram.counts.reshape(COARSE_BINS, -1).sum(axis=1) / max(histogram.total, 1)
    edges = np.linspace(-1, 1, COARSE_BINS + 1)
    return (edges[:-1] + edges[1:]) / 2, shares


def _range(found: VerificationResult) -> tuple[float, float]:
    """The lowest and the highest score, with a small margin."""
    middles, mated = _coarse(found.mated)
    used = middles[(mated + _coarse(found.nonmated)[1]) > 0]
    return float(used[0]) - 0.03, min(float(used[-1]) + 0.03, 1.02)


def _floor(rates: NDArray[np.float64]) -> float:
    """A power of ten below the smallest positive rate."""
    positive = rates[rates > 0]
    return float(10 ** np.floor(np.log10(positive.min()))) if len(positive) else 1e-3
