"""The report's check of thresholds beyond the largest gallery: sizes held out, and galleries made of real faces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.calibration.comparisons import Half
from benchmarks.calibration.families import FPIR_RATES
from benchmarks.calibration.held_out import markdown
from benchmarks.calibration.people import Rows, one_each
from benchmarks.calibration.relative_scores import GalleryScores
from benchmarks.calibration.study import Study
from vultus.matching.relative_rates import ScoreSurface
from vultus.records.seen import Float32
from vultus.vectors import unit_length

RATES = (0.1, 0.01)
HELD_OUT, FITTED_TO = (1500, 2800), 500
MADE_SIZES = (2_500, 10_000, 20_000)
STRANGERS = 400
SPREAD = 0.35  # of the noise of made people, so that their nearest neighbours are as near as real ones


def large_galleries(study: Study) -> Iterator[str]:
    """FPIR found / asked on LFW beyond the sizes that a surface knows."""
    yield f"FPIR found / asked at 10 % and 1 % on LFW, the surface fitted to galleries of up to {FITTED_TO} faces"
    small = _surface(study, FITTED_TO)
    rows = [[f"{size:,}", *_found(study, small, size, made=False)] for size in HELD_OUT]
    yield markdown(["Enrolled", "10 %", "1 %", "Threshold at 1 % by the surface / by the scores"], rows)
    yield "The card's surface, and galleries made of LFW's people: mixtures of two of them, and noise"
    whole = _surface(study, max(study.fpir))
    rows = [[f"{size:,}", *_found(study, whole, size, made=True)] for size in MADE_SIZES]
    yield markdown(["Enrolled", "10 %", "1 %", "Threshold at 1 % by the surface / by the scores"], rows)


def _surface(study: Study, largest: int) -> ScoreSurface:
    family = [(size, list(zip(FPIR_RATES, scores, strict=True))) for size, scores in sorted(study.fpir.items())]
    return ScoreSurface([one for one in family if one[0] <= largest])


def _found(study: Study, surface: ScoreSurface, size: int, *, made: bool) -> list[str]:
    """The scores of LFW relative to LFW's own level at the largest size fitted, so that only the growth is tested."""
    best = np.concatenate([_best(half, size, made=made) for half in study.halves])
    known = int(surface.largest)
    cells, shown = [], ""
    for rate in RATES:
        own = np.concatenate([_best(half, known, made=made) for half in study.halves])
        offset = float(np.quantile(own, 1 - rate)) - surface.score(rate, known)
        limit = surface.score(rate, size) + offset
        cells.append(f"{(best >= limit).mean() / rate:.2f}")
        shown = f"{limit:.3f} / {float(np.quantile(best, 1 - rate)):.3f}"
    return [*cells, shown]


def _best(half: Half, size: int, *, made: bool) -> np.ndarray:
    """The best scores of strangers in a gallery of LFW's people, or of made ones."""
    random = np.random.default_rng(11)
    (rows,) = half.pools()["LFW"]
    found = []
    for _ in range(3):
        people = one_each(half.faces, rows, random)
        strangers = half.vectors[people[-STRANGERS:]] if made else half.vectors[people[size:][:STRANGERS]]
        gallery = made_people(half.vectors, people[:-STRANGERS], size, random) if made else half.vectors[people[:size]]
        if len(strangers):
            found.append(GalleryScores.of(strangers, gallery, half.rule).scores.max(axis=1))
    return np.concatenate(found)


def made_people(vectors: Float32, people: Rows, count: int, random: np.random.Generator) -> Float32:
    """Made people, (count, D): real ones first, then mixtures of two in random shares, with noise."""
    real = vectors[people[:count]]
    missing = count - len(real)
    if missing <= 0:
        return real
    first, second = vectors[random.choice(people, missing)], vectors[random.choice(people, missing)]
    share = random.uniform(0, 1, (missing, 1)).astype(np.float32)
    noise = random.normal(0, SPREAD / np.sqrt(vectors.shape[1]), first.shape).astype(np.float32)
    mixed = np.asarray(unit_length(share * first + (1 - share) * second), np.float32)
    return np.concatenate([real, np.asarray(unit_length(mixed + noise), np.float32)])
