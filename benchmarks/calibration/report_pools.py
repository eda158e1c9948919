"""The report's tables by pool: comparisons and searches, cosine beside relative scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.calibration.comparisons import AtSize, Half, PoolScores, in_galleries, mated_alone, pairs_alone
from benchmarks.calibration.families import FMR_RATES, FPIR_RATES, SEARCHED_POOLS
from benchmarks.calibration.held_out import cosine_halves, family_thresholds, found, markdown, missed, thresholds
from benchmarks.calibration.people import POOLS, WATCHED
from benchmarks.calibration.study import Study

RATES = (1e-2, 1e-3, 1e-4)
SEARCH_RATES = (0.1, 0.01)
SEARCH_SIZES = (10, 50, 150, 500)
MATED = ("CelebA", "LFW", "ORL")
Limits = dict[float, float]  # the threshold of a rate


def comparisons(study: Study) -> Iterator[str]:
    """1:1: pairs of people alike, and the price in false non-matches."""
    cosine = cosine_halves(study.faces, study.vectors)
    by_cosine, relative = ([pairs_alone(half) for half in halves] for halves in (cosine, study.halves))
    card = study.card.calibration
    all_pairs = [dict(card.thresholds) if card else dict.fromkeys(RATES, 1.0)] * 2
    ways = [
        ("cosine, all pairs", by_cosine, cosine, all_pairs),
        ("cosine, matched", by_cosine, cosine, thresholds(by_cosine, POOLS, FMR_RATES)),
        ("relative", relative, study.halves, thresholds(relative, POOLS, FMR_RATES)),
    ]
    yield "Found / asked at FMR 1e-2, 1e-3, 1e-4 without a gallery; thresholds of one half of the people"
    rows = []
    for name in WATCHED:
        pairs = f"{sum(part[name].total for part in relative):,}"
        rows.append([name, pairs, *(_ratios(parts, name, limits) for _, parts, _, limits in ways)])
    names = [name for name, *_ in ways]
    yield markdown(["Pool", "Pairs", *names], [*rows, *_summary(ways), *_misses(ways)])


def _ratios(parts: Sequence[PoolScores], name: str, limits: Sequence[Limits]) -> str:
    cells = []
    for rate in RATES:
        cells.append(found(parts, name, [one[rate] for one in limits], rate).text())
    return " / ".join(cells)


def _summary(ways: Sequence[tuple[str, Sequence[PoolScores], Sequence[Half], list[Limits]]]) -> list[list[str]]:
    """The mean and the worst over the pools from six years up."""
    kinds = {"mean of six years up and LFW": np.mean, "worst of them": np.max}
    rows = []
    for label, kind in kinds.items():
        cells = []
        for _, parts, _, limits in ways:
            at_rate = []
            for rate in RATES:
                ratios = [found(parts, name, [one[rate] for one in limits], rate) for name in POOLS]
                shown = [one.ratio for one in ratios if one.expected >= 15]
                at_rate.append(f"{kind(shown):.2f}" if shown else "-")
            cells.append(" / ".join(at_rate))
        rows.append([f"**{label}**", "", *cells])
    return rows


def _misses(ways: Sequence[tuple[str, Sequence[PoolScores], Sequence[Half], list[Limits]]]) -> list[list[str]]:
    rows = []
    for pool in MATED:
        cells, count = [], 0
        for _, _, halves, limits in ways:
            mated = [mated_alone(half, pool) for half in halves]
            count = sum(map(len, mated))
            shares = [missed([[one] for one in mated], [one[rate] for one in limits]) for rate in RATES]
            cells.append(" / ".join(f"{share:.2f} %" for share in shares))
        rows.append([f"FNMR, {pool}", f"{count:,}", *cells])
    return rows


def searches(study: Study) -> Iterator[str]:
    """1:N: galleries of people alike, one photo a person."""
    cosine = cosine_halves(study.faces, study.vectors)
    yield (
        "FPIR found / asked at 10 % and 1 %, galleries of people of one pool, one photo each; cosine with the "
        "threshold of LFW's galleries of that size, relative scores with that of all pools; both of the other half"
    )
    at_cosine = {size: [in_galleries(half, size, names=WATCHED) for half in cosine] for size in SEARCH_SIZES}
    ways = [("cosine", at_cosine, ("LFW",)), ("relative", study.measured.at_size, SEARCHED_POOLS)]
    rows = []
    for label, at_size, names in ways:
        limits = family_thresholds([_searches(at_size, half) for half in (0, 1)], names, FPIR_RATES)
        rows += [[str(size), label, *_search_cells(at_size[size], limits[size])] for size in SEARCH_SIZES]
    rows.sort(key=lambda row: int(row[0]))
    yield markdown(["Enrolled", "Score", *WATCHED, "FNIR CelebA", "FNIR LFW"], rows)


def _searches(at_size: Mapping[int, list[AtSize]], half: int) -> dict[int, PoolScores]:
    return {size: both[half].searches for size, both in at_size.items()}


def _search_cells(both: Sequence[AtSize], limits: Sequence[Limits]) -> Iterator[str]:
    parts = [one.searches for one in both]
    for name in WATCHED:
        ratios = [found(parts, name, [one[rate] for one in limits], rate).text() for rate in SEARCH_RATES]
        yield " / ".join(ratios)
    for pool in ("CelebA", "LFW"):
        mated = [one.mated.get(pool, []) for one in both]
        shares = [missed(mated, [one[rate] for one in limits]) for rate in SEARCH_RATES]
        yield " / ".join("-" if np.isnan(share) else f"{share:.1f} %" for share in shares)
