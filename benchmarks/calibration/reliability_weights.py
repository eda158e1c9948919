"""The weights of reliability: a logistic model that tells damaged photos from whole ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.embedding import PARTS
from benchmarks.calibration.people import Faces
from benchmarks.calibration.treatments import LIGHT, MEDIUM
from vultus.matching.reliability import RELIABILITY_FLOOR, UNKNOWN_PART, ReliabilityModel
from vultus.models.relative_calibration import MeanFaces, ReliabilityTable
from vultus.records.seen import Float32

TOLD = ("whole", "damaged", "second")
NAMES = (*TOLD, *PARTS)
LOST = 0.0045  # share of undamaged photos below the floor, of LFW and of CelebA
UNDAMAGED_WEIGHT = 0.4  # of each undamaged set, in damaged ones
RIDGE, STEPS = 1.0, 30
UNDAMAGED_SETS = ("utkface", "lfw", "celeba", "orl")
FROM_SFACE = ("recognisability",)  # parts that only SFace's network gives

Values = NDArray[np.float64]


def features_of(faces: Faces, vectors: Float32, mean_faces: Mapping[bool, MeanFaces], unknown: Sequence[str]) -> Values:
    """What the logistic model sees of each face, (N, 2 * names + 1), by the mean faces of the other half of the people.

    unknown: parts that the model does not give.
    """
    told = np.empty((len(vectors), len(TOLD)))
    for half, faces_of_half in mean_faces.items():
        others = faces.half != half
        told[others] = model_of(Coefficients.zero(), faces_of_half).told(vectors[others])
    parts = np.where(np.isnan(faces.parts), UNKNOWN_PART, faces.parts) / 100
    for name in unknown:
        parts[:, PARTS.index(name)] = UNKNOWN_PART / 100
    linear = np.concatenate([told, parts], axis=1)
    return np.concatenate([linear, linear**2, told[:, :1] * told[:, 1:2]], axis=1)


class Coefficients:
    """The weights of the features, and the constant."""

    def __init__(self, weights: Values, constant: float) -> None:
        self.weights, self.constant = weights, constant

    @classmethod
    def zero(cls) -> Coefficients:
        return cls(np.zeros(2 * len(NAMES) + 1), 0.0)

    def damage(self, features: Values) -> Values:
        """The log odds that each photo is damaged, (N,)."""
        return np.asarray(features @ self.weights + self.constant)

    def shifted(self, cut: float) -> Coefficients:
        """The same with the floor of reliability at a damage of `cut`."""
        return Coefficients(self.weights, self.constant - cut + math.log(100 / RELIABILITY_FLOOR - 1))

    def table(self) -> ReliabilityTable:
        """As the card holds them, rounded."""
        count = len(NAMES)
        linear, squared = self.weights[:count], self.weights[count : 2 * count]
        return ReliabilityTable(
            constant=round(self.constant, 4),
            product=round(float(self.weights[-1]), 4),
            linear=tuple((name, round(float(weight), 4)) for name, weight in zip(NAMES, linear, strict=True)),
            squared=tuple((name, round(float(weight), 4)) for name, weight in zip(NAMES, squared, strict=True)),
        )


def model_of(coefficients: Coefficients, mean_faces: MeanFaces) -> ReliabilityModel:
    """The model as the service uses it."""
    table = coefficients.table()
    return ReliabilityModel(
        constant=table.constant,
        product=table.product,
        linear=dict(table.linear),
        squared=dict(table.squared),
        centroids=mean_faces.centroids,
        damaged=mean_faces.damaged,
    )


def fit(faces: Faces, features: Values, chosen: NDArray[np.bool_]) -> Coefficients:
    """The weights fitted to the chosen faces: all undamaged ones, and those damaged lightly or heavily."""
    treated = faces.source == "treated"
    used = chosen & ~np.isin(faces.treatment, list(MEDIUM))
    damaged = used & treated & ~np.isin(faces.treatment, list(LIGHT))
    weight = np.where(used & treated, 1.0, 0.0)
    total = float(weight.sum())
    for name in UNDAMAGED_SETS:
        rows = used & (faces.source == name)
        weight[rows] = UNDAMAGED_WEIGHT * total / max(int(rows.sum()), 1)
    rows = np.flatnonzero(used)
    return _logistic(features[rows], damaged[rows].astype(np.float64), weight[rows])


def _logistic(features: Values, damaged: Values, weight: Values) -> Coefficients:
    """Newton's method with a ridge on standardised features."""
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    standard = np.concatenate([(features - mean) / deviation, np.ones((len(features), 1))], axis=1)
    found = np.zeros(standard.shape[1])
    for _ in range(STEPS):
        share = 1 / (1 + np.exp(-np.clip(standard @ found, -30, 30)))
        slope = standard.T @ (weight * (damaged - share)) - RIDGE * found
        curvature = (standard * (weight * share * (1 - share) + 1e-9)[:, None]).T @ standard
        found = found + np.linalg.solve(curvature + RIDGE * np.eye(len(found)), slope)
    weights = found[:-1] / deviation
    return Coefficients(weights, float(found[-1] - weights @ mean))


def cut_of(faces: Faces, damage: Values) -> float:
    """The damage above which no more than LOST of the undamaged photos of LFW and of CelebA lie."""
    return max(float(np.quantile(damage[faces.source == name], 1 - LOST)) for name in ("lfw", "celeba"))
