"""Distributions of scores as counts, and the threshold at which the mean over pools of people is an error rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LOW, HIGH, STEP = -1.0, 1.0, 0.0005  # of the bins
BINS = round((HIGH - LOW) / STEP)
LEAST_EVENTS = 15  # that a pool must let one expect at a rate to take part in its threshold


@dataclass(eq=False)
class Distribution:
    """Scores of one pool in bins. independent: how many of them are different comparisons, or searches."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    independent: float = 0.0

    def add(self, scores: NDArray[np.floating], *, independent: float | None = None) -> None:
        """Count scores; `independent` where they repeat what was counted before."""
        places = np.clip(((np.ravel(scores) - LOW) / STEP).astype(np.int64), 0, BINS - 1)
        self.counts += np.bincount(places, minlength=BINS)
        self.independent += np.size(scores) if independent is None else independent

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def rates(self) -> NDArray[np.float64]:
        """The share of scores at or above each bin's lower edge, (BINS + 1,), falling from 1 to 0."""
        above = np.concatenate([np.cumsum(self.counts[::-1])[::-1], [0]])
        return above / max(self.total, 1)

    def rate(self, threshold: float) -> float:
        """The share at or above a threshold, linear within a bin."""
        return float(np.interp(threshold, EDGES, self.rates()))

    def joined(self, other: Distribution) -> Distribution:
        """Both together."""
        return Distribution(self.counts + other.counts, self.independent + other.independent)

    def supports(self, rate: float, events: float = LEAST_EVENTS) -> bool:
        """Whether so many events are to be expected at a rate."""
        return self.independent * rate >= events


EDGES = np.linspace(LOW, HIGH, BINS + 1)
Pools = Mapping[str, Distribution]


def threshold_at(pools: Sequence[Distribution], rate: float) -> float:
    """The score at which the mean of the pools' rates is the rate, each pool weighing the same."""
    mean = np.mean([pool.rates() for pool in pools], axis=0)
    last = int(np.flatnonzero(mean >= rate)[-1])  # falls from here on
    share = (mean[last] - rate) / max(mean[last] - mean[last + 1], 1e-300)
    return float(EDGES[last] + share * STEP)


def supported(pools: Pools, names: Sequence[str], rate: float) -> list[str]:
    """The names of the pools that support a rate."""
    return [name for name in names if name in pools and pools[name].supports(rate)]


def rising(scores: Sequence[float], *, least: float = 0.001) -> list[float]:
    """The scores made to rise by at least so much from one to the next."""
    risen: list[float] = []
    for score in scores:
        risen.append(score if not risen else max(score, risen[-1] + least))
    return risen
