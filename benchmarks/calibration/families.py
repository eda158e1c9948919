"""The thresholds of relative scores by error rate and size of the gallery: the mean over pools is the rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.calibration.comparisons import AtSize, Half, PoolScores, in_galleries, pairs_alone
from benchmarks.calibration.distributions import rising, supported, threshold_at
from benchmarks.calibration.people import POOLS, TODDLERS, WATCHED

FMR_RATES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
FPIR_RATES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
SIZES = (1, 4, 10, 50, 150, 500, 1500, 2500)
SMALLEST_COHORT = 10  # with fewer, comparisons are as without a gallery
SEARCHED_POOLS = (TODDLERS, *POOLS)  # of these a search's rate is the mean
FEW_POOLS = 3  # pools that are enough for a mean
LEAST_CLAIMED = 20  # events that the smallest rate claimed must let one expect, in so many pools

Curve = list[float]  # scores at the rates, rising


@dataclass(frozen=True, eq=False)
class Measured:
    """The scores of all pools, both halves together, by the size of the gallery; size 0: by the mean faces alone."""

    comparisons: dict[int, PoolScores]
    searches: dict[int, PoolScores]
    at_size: dict[int, list[AtSize]]


def measure(halves: Sequence[Half], *, sizes: Sequence[int] = SIZES) -> Measured:
    """The scores of both halves of the people."""
    at_size = {size: [in_galleries(half, size, names=WATCHED) for half in halves] for size in sizes}
    alone = together([pairs_alone(half) for half in halves])
    cohorts = {size: both for size, both in at_size.items() if size >= SMALLEST_COHORT}
    comparisons = {size: together([one.comparisons for one in both]) for size, both in cohorts.items()}
    searches = {size: together([one.searches for one in both]) for size, both in at_size.items()}
    return Measured({0: alone, **comparisons}, searches, at_size)


def together(parts: Sequence[PoolScores]) -> PoolScores:
    """The pools of several halves, each pool's scores together."""
    found: PoolScores = {}
    for part in parts:
        for name, scores in part.items():
            found[name] = found[name].joined(scores) if name in found else scores
    return found


def fmr_family(measured: Mapping[int, PoolScores]) -> dict[int, Curve]:
    """The thresholds of comparisons by size; they do not rise with the size, as a larger cohort takes off more."""
    curves = family(measured, POOLS, FMR_RATES)
    sizes = [size for size in sorted(curves) if size]
    for smaller, larger in pairwise(sizes):
        lower = [min(a, b) for a, b in zip(curves[smaller], curves[larger], strict=True)]
        curves[larger] = rising(lower)
    return curves


def fpir_family(measured: Mapping[int, PoolScores]) -> dict[int, Curve]:
    """The thresholds of searches by size; they do not fall with it."""
    curves = family(measured, SEARCHED_POOLS, FPIR_RATES)
    for smaller, larger in pairwise(sorted(curves)):
        curves[larger] = rising([max(a, b) for a, b in zip(curves[smaller], curves[larger], strict=True)])
    return curves


def family(measured: Mapping[int, PoolScores], names: Sequence[str], rates: Sequence[float]) -> dict[int, Curve]:
    """The curve of each size; where few pools are as large, the former curve and the growth of those that are."""
    smallest, *larger = sorted(measured)
    curves = {smallest: curve(measured[smallest], names, rates)}
    for former, size in pairwise([smallest, *larger]):
        if len(supported(measured[size], names, rates[0])) >= FEW_POOLS:
            curves[size] = curve(measured[size], names, rates)
            continue
        growth, scores = 0.0, []
        for rate, before in zip(rates, curves[former], strict=True):
            both = set(supported(measured[former], names, rate)) & set(supported(measured[size], names, rate))
            if both:
                growth = _threshold(measured[size], both, rate) - _threshold(measured[former], both, rate)
            scores.append(before + growth)
        curves[size] = rising(scores)
    return curves


def curve(pools: PoolScores, names: Sequence[str], rates: Sequence[float]) -> Curve:
    """The scores at the rates: the mean over pools, from where some lack events the growth of the others.

    Their growth and not their mean, which would leap where the pools change. Beyond the last pool the tail is
    exponential: it goes on at the slope of the last two steps.
    """
    able = supported(pools, names, rates[0])
    scores = [_threshold(pools, able, rates[0])]
    for place, rate in enumerate(rates[1:], 1):
        able = supported(pools, names, rate)
        if able:
            scores.append(scores[-1] + _threshold(pools, able, rate) - _threshold(pools, able, rates[place - 1]))
        else:
            back = max(place - 3, 0)
            slope = (scores[-1] - scores[back]) / math.log(rates[back] / rates[place - 1])
            scores.append(scores[-1] + slope * math.log(rates[place - 1] / rate))
    return rising(scores)


def _threshold(pools: PoolScores, names: Iterable[str], rate: float) -> float:
    return threshold_at([pools[name] for name in names], rate)


def smallest_rate(pools: PoolScores, names: Sequence[str], rates: Sequence[float]) -> float:
    """The smallest of the rates at which FEW_POOLS pools let one expect LEAST_CLAIMED events each."""
    able = [
        rate
        for rate in rates
        if sum(pools[name].supports(rate, LEAST_CLAIMED) for name in names if name in pools) >= FEW_POOLS
    ]
    return min(able)
