"""Calibrates one model: everything that its card says of relative scores, and what the report shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.calibration.comparisons import Half, halves_of
from benchmarks.calibration.families import (
    FMR_RATES,
    FPIR_RATES,
    SEARCHED_POOLS,
    Curve,
    Measured,
    fmr_family,
    fpir_family,
    measure,
    smallest_rate,
)
from benchmarks.calibration.limits import child_limit, childlike, children_found, nearness_of_shipped, usual_terms
from benchmarks.calibration.mean_faces import Cluster, as_mean_faces, children_of, clusters_of
from benchmarks.calibration.people import POOLS, Faces
from benchmarks.calibration.relative_scores import NEAREST, TWIN_GAP, WEIGHT, rule_of
from benchmarks.calibration.reliability_weights import FROM_SFACE, Coefficients, Values, cut_of, features_of, fit
from vultus.models.card import ModelCard
from vultus.models.relative_calibration import MeanFaces, RelativeCalibration, ScoresAtSize
from vultus.records.seen import Float32

FILE = "mean-faces.npz"
FEW_ENROLLED = 10  # with more of them, the nearest others are people and not mean faces
HALVES = (False, True)
TERMS = (
    "LFW, UTKFace, ORL and CelebA are for research, UTKFace and CelebA for non-commercial research only; mean faces "
    "are means over at least 20 people each, no photo and no single person's embedding"
)


@dataclass(frozen=True, eq=False)
class Clusters:
    """The mean faces of each half of the people, and of all (None)."""

    whole: Mapping[bool | None, list[Cluster]]
    children: Mapping[bool | None, Cluster]

    @classmethod
    def of(cls, faces: Faces, joined: Float32) -> Clusters:
        parts: tuple[bool | None, ...] = (*HALVES, None)
        return cls(
            {part: clusters_of(faces, joined, part) for part in parts},
            {part: children_of(faces, part) for part in parts},
        )

    def shipped(self, members: Sequence[tuple[str, float]]) -> MeanFaces:
        """Those of all people, as a model joins them."""
        return as_mean_faces(self.whole[None], self.children[None], members)

    def mean_faces(self, members: Sequence[tuple[str, float]]) -> dict[bool, MeanFaces]:
        """Those of the two halves, as a model joins them."""
        return {half: as_mean_faces(self.whole[half], self.children[half], members) for half in HALVES}


@dataclass(frozen=True, eq=False)
class Study:
    """What was found of one model. damage: (N,) log odds, cross-fitted; 0 is where the floor of reliability lies."""

    card: ModelCard
    faces: Faces
    vectors: Float32
    mean_faces: Mapping[bool, MeanFaces]
    halves: list[Half]
    measured: Measured
    fmr: dict[int, Curve]
    fpir: dict[int, Curve]
    damage: Values
    children: float
    calibration: RelativeCalibration

    def threshold(self, rate: float, size: int = 0) -> float:
        """The card's score for a false match rate that was measured."""
        return self.fmr[size][FMR_RATES.index(rate)]


def members_of(card: ModelCard) -> tuple[tuple[str, float], ...]:
    """The members of a fused model with their weights; of another one, itself."""
    return card.fused or ((card.id, 1.0),)


def study(card: ModelCard, faces: Faces, clusters: Clusters, *, date: str) -> Study:
    """Measure everything of one model."""
    vectors = faces.joined(members_of(card))
    mean_faces = clusters.mean_faces(members_of(card))
    halves = halves_of(faces, vectors, {half: rule_of(made) for half, made in mean_faces.items()})
    measured = measure(halves)
    fmr, fpir = fmr_family(measured.comparisons), fpir_family(measured.searches)
    nearer = nearness_of_shipped(faces, vectors, mean_faces, clusters.shipped(members_of(card)))
    unknown = () if "sface" in dict(members_of(card)) else FROM_SFACE
    features = features_of(faces, vectors, mean_faces, unknown)
    likeness = childlike(faces, vectors, mean_faces)
    child = child_limit(faces, likeness)
    shipped = fit(faces, features, np.ones(len(vectors), bool))
    calibration = RelativeCalibration(
        mean_faces=FILE,
        nearest=NEAREST,
        weight=WEIGHT,
        twin_gap=TWIN_GAP,
        child=child,
        likeness=usual_terms(faces, vectors, mean_faces),
        fmr=_points(fmr, FMR_RATES, 2 * WEIGHT * nearer),
        fpir=_points(fpir, FPIR_RATES, 2 * WEIGHT * nearer),
        smallest_fmr=smallest_rate(measured.comparisons[0], POOLS, FMR_RATES),
        smallest_fpir=smallest_rate(measured.searches[150], SEARCHED_POOLS, FPIR_RATES),
        largest_gallery=max(measured.searches),
        data=data_text(faces, card.pipeline_version),
        terms=TERMS,
        date=date,
        reliability=shipped.shifted(cut_of(faces, shipped.damage(features))).table(),
    )
    damage = cross_fitted(faces, features)
    found = children_found(faces, likeness, child)
    return Study(card, faces, vectors, mean_faces, halves, measured, fmr, fpir, damage, found, calibration)


def cross_fitted(faces: Faces, features: Values) -> Values:
    """The log odds of damage of each face by weights fitted to the other half, less the cut, (N,)."""
    damage = np.empty(len(features))
    for half in HALVES:
        weights: Coefficients = fit(faces, features, faces.half == half)
        others = faces.half != half
        damage[others] = weights.damage(features[others]) - cut_of(faces, weights.damage(features))
    return damage


def data_text(faces: Faces, version: int) -> str:
    """What the calibration rests on, with counts. version: of the pipeline."""
    counts = {name: int((faces.source == name).sum()) for name in ("lfw", "utkface", "orl", "treated", "celeba")}
    people = {name: len(np.unique(faces.person[faces.source == name])) for name in counts}
    return (
        f"LFW deep-funneled ({counts['lfw']:,} photos, {people['lfw']:,} people), a half of UTKFace "
        f"({counts['utkface']:,} photos with a grey border, about {people['utkface']:,} people), ORL ({counts['orl']} "
        f"photos, {people['orl']} people), {counts['treated']:,} damaged photos of {people['treated']} people of LFW; "
        f"central face, pipeline version {version}, int8; mean faces of one half of the people, scores of the other, "
        f"and the other way round; CelebA ({counts['celeba']} photos in the wild, {people['celeba']} people) for the "
        "floor of reliability, and for how much lower thresholds are with at most ten faces, as all people give more "
        "mean faces than a half"
    )


def _points(family: Mapping[int, Curve], rates: Sequence[float], nearer: float) -> tuple[ScoresAtSize, ...]:
    """The thresholds by size. nearer: what the mean faces of all people take off a score more than those of a half."""
    found = []
    for size in sorted(family):
        less = nearer if size <= FEW_ENROLLED else 0.0
        scores = (round(score - less, 4) for score in family[size])
        found.append(ScoresAtSize(size, tuple(zip(rates, scores, strict=True))))
    return tuple(found)
