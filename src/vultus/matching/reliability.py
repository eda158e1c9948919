"""Reliability: how far a decision on a face can rest on its photo, from the photo's quality and from its embedding.

A network gives damaged photos of any two people embeddings that are alike, so the embedding itself tells of damage: it
lies near the mean of faces that were damaged in the same way. A logistic model joins that with the named parts of the
quality; it is fitted to whole and to damaged photos, and its floor is set where undamaged photos hardly ever fall.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from vultus.records.seen import Float32

RELIABILITY_FLOOR = 20.0  # below it nothing is decided
UNKNOWN_PART = 50.0  # of a part that a detector or a model does not give
TOLD = ("whole", "damaged", "second")
WHOLE, DAMAGED = 2, 2  # so many of the nearest mean faces of each kind count


@dataclass(frozen=True, eq=False, kw_only=True)
class ReliabilityModel:
    """Weights of a logistic model.

    linear, squared: by the name of a part (its share of 100), or of what the embedding tells: "whole" (mean cosine with
    its 2 nearest mean faces of whole photos), "damaged" and "second" (cosines with the 2 nearest of damaged ones).
    product: of whole times damaged. centroids: (C, D) mean faces. damaged: (C,) which of them are of damaged photos.
    """

    constant: float
    linear: Mapping[str, float]
    squared: Mapping[str, float]
    product: float
    centroids: Float32
    damaged: np.ndarray

    def reliability(self, embedding: Float32, parts: Mapping[str, float]) -> float:
        """0..100, of a (D,) embedding and the named parts of its quality, 0..100 each."""
        told = self.told(embedding[None])[0]
        values = dict(zip(TOLD, told.tolist(), strict=True))
        values |= {name: parts.get(name, UNKNOWN_PART) / 100 for name in {*self.linear, *self.squared} - values.keys()}
        z = self.constant + self.product * values["whole"] * values["damaged"]
        z += sum(weight * values[name] for name, weight in self.linear.items())
        z += sum(weight * values[name] ** 2 for name, weight in self.squared.items())
        return 100 / (1 + math.exp(min(z, 700.0)))

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that differ where the weights or the mean faces do."""
        weights = (self.constant, self.product, sorted(self.linear.items()), sorted(self.squared.items()))
        return sha256(repr(weights).encode() + self.centroids.tobytes() + self.damaged.tobytes()).hexdigest()[:8]

    def told(self, embeddings: Float32) -> Float32:
        """What embeddings (N, D) tell: whole, damaged, second, (N, 3)."""
        cosines = embeddings @ self.centroids.T
        whole = np.sort(cosines[:, ~self.damaged], axis=1)[:, -WHOLE:].mean(axis=1)
        damaged = np.sort(cosines[:, self.damaged], axis=1)[:, ::-1][:, :DAMAGED]
        return np.column_stack([whole, damaged]).astype(np.float32)
