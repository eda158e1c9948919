"""The report's check of thresholds beyond the largest gallery: sizes held out, and galleries with made people."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.calibration.comparisons import Half
from benchmarks.calibration.families import FPIR_RATES
from benchmarks.calibration.held_out import markdown
from benchmarks.calibration.people import one_each
from benchmarks.calibration.relative_scores import GalleryScores
from benchmarks.calibration.study import Study
from vultus.matching.relative_rates import ScoreSurface
from vultus.records.seen import Float32
from vultus.search.cohort import Float64
from vultus.vectors import unit_length

RATES = (0.1, 0.01)
FITTED_TO, HELD_OUT = 500, (1_000, 1_500, 2_500)
MADE_SIZES = (5_000, 10_000, 20_000)
STRANGERS, ROUNDS = 350, 4
LIKE_ONE = 0.2  # share of a real person in a made one: their nearest strangers are then as near as real ones are
HEADS = ("Enrolled", "10 %", "1 %", "Threshold at 10 % and 1 %: surface", "scores")


def large_galleries(study: Study) -> Iterator[str]:
    """FPIR found / asked on LFW beyond the sizes that a surface knows."""
    yield (
        f"FPIR found / asked on LFW by a surface fitted to galleries of up to {FITTED_TO} faces. It is moved by LFW's "
        "distance from the mean of the pools at that size, so that the growth alone is tested"
    )
    yield markdown(HEADS, list(_rows(study, FITTED_TO, HELD_OUT, rounds=ROUNDS)))
    largest = max(study.fpir)
    yield f"The card's surface beyond {largest:,} faces: LFW's people, and made ones with LFW's mean and covariance"
    yield markdown(HEADS, list(_rows(study, largest, MADE_SIZES, rounds=1)))


def _rows(study: Study, known: int, sizes: tuple[int, ...], *, rounds: int) -> Iterator[list[str]]:
    family = [(size, list(zip(FPIR_RATES, scores, strict=True))) for size, scores in sorted(study.fpir.items())]
    surface = ScoreSurface([one for one in family if one[0] <= known])
    own = _best(study, known, ROUNDS)
    offsets = {rate: float(np.quantile(own, 1 - rate)) - surface.score(rate, known) for rate in RATES}
    for size in sizes:
        best = _best(study, size, rounds)
        limits = {rate: surface.score(rate, size) + offsets[rate] for rate in RATES}
        found = [f"{(best >= limits[rate]).mean() / rate:.2f}" for rate in RATES]
        pairs = [" / ".join(f"{value:.3f}" for value in values) for values in (limits.values(), _quantiles(best))]
        yield [f"{size:,}", *found, *pairs]


def _quantiles(best: Float64) -> list[float]:
    return [float(np.quantile(best, 1 - rate)) for rate in RATES]


def _best(study: Study, size: int, rounds: int) -> Float64:
    """The best scores of strangers in galleries of LFW's people, and of made ones where these are too few."""
    return np.concatenate([_best_of(half, size, rounds) for half in study.halves])


def _best_of(half: Half, size: int, rounds: int) -> Float64:
    random = np.random.default_rng(11)
    (rows,) = half.pools()["LFW"]
    found = []
    for _ in range(rounds):
        people = half.vectors[one_each(half.faces, rows, random)]
        strangers, enrolled = people[:STRANGERS], people[STRANGERS:]
        missing = max(size - len(enrolled), 0)
        gallery = np.concatenate([enrolled[:size], made_people(enrolled, missing, random)])
        found.append(GalleryScores.of(strangers, gallery, half.rule).scores.max(axis=1))
    return np.concatenate(found)


def made_people(people: Float32, count: int, random: np.random.Generator) -> Float32:
    """Made people, (count, D): a random vector with the mean and the covariance of the people, and a share of one."""
    mean = people.mean(axis=0)
    _, lengths, axes = np.linalg.svd(people - mean, full_matrices=False)
    deviations = lengths / np.sqrt(len(people))
    vectors = np.asarray(
        unit_length(mean + random.normal(size=(count, len(deviations))) * deviations @ axes), np.float32
    )
    like = people[random.integers(0, len(people), count)]
    return np.asarray(unit_length(LIKE_ONE * like + (1 - LIKE_ONE) * vectors), np.float32)
