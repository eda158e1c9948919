"""A relative calibration and reference faces for tests: those of a made model of 32 numbers."""

from __future__ import annotations

import numpy as np

from vultus.matching.reference_faces import ReferenceFaces
from vultus.matching.reliability import ReliabilityModel
from vultus.models.relative_calibration import RelativeCalibration, ReliabilityTable, ScoresAtSize
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule

RELATIVE = RelativeCalibration(
    mean_faces="mean-faces.npz",
    nearest=3,
    weight=0.5,
    twin_gap=0.2,
    child=0.43,
    likeness=(0.2, 0.75),
    fmr=(
        ScoresAtSize(0, ((1e-1, -0.15), (3e-2, -0.09), (1e-3, 0.04))),
        ScoresAtSize(150, ((1e-1, -0.16), (3e-2, -0.1), (1e-3, 0.03))),
    ),
    fpir=(ScoresAtSize(1, ((1e-1, -0.15), (1e-2, -0.04))), ScoresAtSize(150, ((1e-1, 0.03), (1e-2, 0.11)))),
    smallest_fmr=1e-3,
    smallest_fpir=1e-2,
    largest_gallery=150,
    data='LFW "deep-funneled": Ärzte',
    terms="for research",
    date="2026-11-26",
    reliability=ReliabilityTable(-51.5, -9.25, (("whole", -1.5), ("size", 24.0)), (("whole", -17.75),)),
)


def directions(count: int, width: int = 32, seed: int = 9) -> Float32:
    """(count, width) unit vectors."""
    vectors = np.random.default_rng(seed).normal(size=(count, width))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def made_reference(reliability: ReliabilityModel | None = None, *, width: int = 32) -> ReferenceFaces:
    """Reference faces with twelve mean faces; what their scores are relative to is in `RELATIVE`."""
    rule = CohortRule(centroids=directions(12, width), twin_gap=0.2, nearest=3)
    return ReferenceFaces(rule, directions(1, width)[0], 0.43, (0.2, 0.75), reliability)
