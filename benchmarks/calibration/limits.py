"""From where on a face looks like a child, or like none of the faces that were measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.calibration.people import CHILD_AGE, Faces
from benchmarks.calibration.relative_scores import rule_of, terms_alone
from vultus.models.relative_calibration import MeanFaces
from vultus.records.seen import Float32
from vultus.search.cohort import Float64

ADULT_AGE = 18
CHILDLIKE_ADULTS = 0.001  # share of adults: UTKFace labels some children as adults
CHILD_MARGIN = 0.01  # of cosine
USUAL = (0.001, 0.999)  # quantiles of the terms between which faces lie


def childlike(faces: Faces, vectors: Float32, mean_faces: Mapping[bool, MeanFaces]) -> Float64:
    """The cosine of each face with the mean of the other half's children, (N,)."""
    found = np.empty(len(vectors))
    for half, made in mean_faces.items():
        others = faces.half != half
        found[others] = vectors[others] @ made.child
    return found


def child_limit(faces: Faces, likeness: Float64) -> float:
    """The cosine that one of a thousand adults of UTKFace reaches, and a margin."""
    adults = likeness[faces.age >= ADULT_AGE]
    return round(float(np.quantile(adults, 1 - CHILDLIKE_ADULTS)) + CHILD_MARGIN, 4)


def children_found(faces: Faces, likeness: Float64, limit: float) -> float:
    """The share of children under six that reach the limit."""
    return float((likeness[(faces.age >= 0) & (faces.age < CHILD_AGE)] >= limit).mean())


def nearness_of_shipped(
    faces: Faces, vectors: Float32, mean_faces: Mapping[bool, MeanFaces], shipped: MeanFaces
) -> float:
    """How much higher terms are by the mean faces of all people than by those of the other half, on average.

    By CelebA, whose people are in none of them: there are more mean faces of all people, of smaller groups too.
    """
    unseen = faces.source == "celeba"
    halves = np.empty(len(vectors))
    for half, made in mean_faces.items():
        others = unseen & (faces.half != half)
        halves[others] = terms_alone(vectors[others], rule_of(made))
    return float((terms_alone(vectors[unseen], rule_of(shipped)) - halves[unseen]).mean())


def usual_terms(faces: Faces, vectors: Float32, mean_faces: Mapping[bool, MeanFaces]) -> tuple[float, float]:
    """The terms by the mean faces alone between which undamaged faces lie."""
    undamaged = faces.source != "treated"
    terms = [terms_alone(vectors[undamaged & (faces.half != half)], rule_of(made)) for half, made in mean_faces.items()]
    low, high = np.quantile(np.concatenate(terms), USUAL)
    return round(float(low), 4), round(float(high), 4)
