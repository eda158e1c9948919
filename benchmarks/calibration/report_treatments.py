"""The report's table of damaged photos: how many are answered, and what is found among the answered ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.held_out import markdown
from benchmarks.calibration.people import Rows, one_each
from benchmarks.calibration.photo_sets import WITH_ONE, WITH_TWO
from benchmarks.calibration.relative_scores import rule_of, terms_alone
from benchmarks.calibration.study import Study
from benchmarks.calibration.treatments import all_treatments
from vultus.search.cohort import Float64

PHOTOS = 2 * WITH_TWO + WITH_ONE  # of each treatment
RATES = (1e-3, 1e-4)
LEAST_EVENTS = 3  # expected ones; fewer show nothing
UNDAMAGED = 1500  # people


@dataclass(frozen=True, eq=False)
class Table:
    """The scores of any two faces. terms: (N,), of each by the mean faces of the other half of the people."""

    study: Study
    terms: Float64

    def scores(self, first: Rows, second: Rows) -> tuple[Float64, Float64]:
        """Of different people, and of the same."""
        cosines = (self.study.vectors[first] @ self.study.vectors[second].T).astype(np.float64)
        weight = self.study.calibration.weight
        scores = cosines - weight * (self.terms[first][:, None] + self.terms[second][None])
        person = self.study.faces.person
        same = person[first][:, None] == person[second][None]
        other_photo = self.study.faces.photo[first][:, None] != self.study.faces.photo[second][None]
        return scores[~same], scores[same & other_photo]


def cross_fitted_terms(study: Study) -> Float64:
    """Each face's term by the mean faces of the other half of the people, (N,)."""
    terms = np.empty(len(study.vectors))
    for half, made in study.mean_faces.items():
        others = study.faces.half != half
        terms[others] = terms_alone(study.vectors[others], rule_of(made))
    return terms


def treatments(study: Study) -> Iterator[str]:
    """Each treatment alone, against others and against undamaged photos, among answered pairs."""
    table, faces = Table(study, cross_fitted_terms(study)), study.faces
    answered = study.damage <= 0
    treated = faces.source == "treated"
    clean = one_each(faces, np.flatnonzero((faces.source == "lfw") & answered), np.random.default_rng(0))[:UNDAMAGED]
    yield (
        f"{PHOTOS} photos of LFW for each treatment. Answered: the share of photos with a face above the floor of "
        "reliability. Then found / asked at FMR 1e-3 / 1e-4, and FNMR at 1e-3, among answered pairs: two photos "
        "treated alike, one against a photo treated otherwise, one against an undamaged photo"
    )
    rows = []
    for treatment in all_treatments():
        there = treated & (faces.treatment == treatment)
        own = np.flatnonzero(there & answered)
        others = np.flatnonzero(treated & ~there & answered)[::7]
        rows.append(
            [
                treatment,
                f"{100 * there.sum() / PHOTOS:.0f} %",
                f"{100 * len(own) / PHOTOS:.0f} %",
                *(_cells(study, *table.scores(own, against)) for against in (own, others, clean)),
            ]
        )
    every = np.flatnonzero(treated & answered)[::3]
    rows.append(["all of them", "", "", "", _cells(study, *table.scores(every, every)), ""])
    yield markdown(["Treatment", "Face found", "Answered", "Alike", "Mixed", "Undamaged"], rows)
    lost = {name: 100 * (study.damage[faces.source == name] > 0).mean() for name in ("lfw", "celeba", "orl", "utkface")}
    yield "Undamaged photos without an answer: " + ", ".join(f"{name} {share:.2f} %" for name, share in lost.items())


def _cells(study: Study, others: Float64, same: Float64) -> str:
    limits = [study.threshold(rate) for rate in RATES]
    ratios = [_ratio(others, limit, rate) for limit, rate in zip(limits, RATES, strict=True)]
    misses = f"{100 * (same < limits[0]).mean():.0f} %" if len(same) >= 20 else "-"
    return f"{' / '.join(ratios)}, {misses}"


def _ratio(others: NDArray[np.float64], limit: float, rate: float) -> str:
    if len(others) * rate < LEAST_EVENTS:
        return "-"
    return f"{(others >= limit).mean() / rate:.2f}"
