"""Found against asked on people who set no threshold: thresholds of one half, scores of the other, both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.calibration.comparisons import Half, PoolScores, halves_of
from benchmarks.calibration.families import curve, family
from benchmarks.calibration.people import Faces
from benchmarks.calibration.relative_scores import TWIN_GAP
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule, Float64

SHOWN = 10  # expected events from which on a figure is shown


@dataclass(frozen=True)
class Found:
    """Scores at or above a threshold, of how many, and how many were to be expected of different comparisons."""

    ratio: float  # found / asked
    expected: float

    def text(self) -> str:
        return f"{self.ratio:.2f}" if self.expected >= SHOWN else "-"


def thresholds(parts: Sequence[PoolScores], names: Sequence[str], rates: Sequence[float]) -> list[dict[float, float]]:
    """The thresholds by each half, by rate."""
    return [dict(zip(rates, curve(part, names, rates), strict=True)) for part in parts]


def family_thresholds(
    parts: Sequence[Mapping[int, PoolScores]], names: Sequence[str], rates: Sequence[float]
) -> dict[int, list[dict[float, float]]]:
    """The same for each size of the gallery, by the family that a half gives. parts: by size, of each half."""
    families = [family(part, names, rates) for part in parts]
    return {size: [dict(zip(rates, one[size], strict=True)) for one in families] for size in families[0]}


def found(parts: Sequence[PoolScores], name: str, limits: Sequence[float], rate: float) -> Found:
    """Found against asked in a pool. limits: the threshold by each half, which is applied to the other one."""
    there = [(part[name], limit) for part, limit in zip(parts, reversed(limits), strict=True) if name in part]
    total = sum(scores.total for scores, _ in there)
    matched = sum(scores.rate(limit) * scores.total for scores, limit in there)
    independent = sum(scores.independent for scores, _ in there)
    return Found(matched / max(total, 1) / rate, independent * rate)


def missed(scores: Sequence[Sequence[Float64]], limits: Sequence[float]) -> float:
    """The share of mated scores below the thresholds of the other half, in percent; NaN without any."""
    below, total = 0, 0
    for half, limit in zip(scores, reversed(limits), strict=True):
        joined = np.concatenate(half) if len(half) else np.empty(0)
        below, total = below + int((joined < limit).sum()), total + len(joined)
    return 100 * below / total if total else float("nan")


def cosine_halves(faces: Faces, vectors: Float32) -> list[Half]:
    """Both halves with plain cosines as scores."""
    nothing = np.empty((0, vectors.shape[1]), np.float32)
    rule = CohortRule(centroids=nothing, twin_gap=TWIN_GAP, weight=0.0)
    return halves_of(faces, vectors, {False: rule, True: rule})


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
