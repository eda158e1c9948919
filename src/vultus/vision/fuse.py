"""Several recognition models as one: each embeds its own crop; the embeddings are joined into one unit vector."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Self

import numpy as np

from vultus.matching.reliability import ReliabilityModel
from vultus.records.seen import RGB, Face, Float32
from vultus.vectors import unit_length
from vultus.vision.compute_slots import NO_HELPERS, Helpers
from vultus.vision.embed import Recogniser

Crops = tuple[RGB, ...]  # one per member


class FusedEmbedder:
    """The unit embeddings of the members, each times the square root of its weight, concatenated.

    The cosine of two such vectors is the weighted mean of the members' cosines (weights summing to 1), so storage,
    search and calibration need nothing new. Fusion of scores by a weighted sum: Kittler, Hatef, Duin, Matas, IEEE TPAMI
    20(3), 1998.
    """

    def __init__(
        self,
        members: Sequence[tuple[Recogniser[RGB], float]],
        *,
        model_id: str,
        reliability: ReliabilityModel | None = None,
    ) -> None:
        """members: models with their weights, which sum to 1."""
        self.reliability = reliability
        self._members = [model for model, _ in members]
        self._factors = [np.float32(np.sqrt(weight)) for _, weight in members]
        self.model_id = model_id
        self.dimension = sum(model.dimension for model in self._members)

    def crop(self, pixels: RGB, face: Face, *, align: bool = True) -> Crops:
        """The crop that each member asks for."""
        return tuple(model.crop(pixels, face, align=align) for model in self._members)

    def lies_inside(self, landmarks: Float32, picture: tuple[float, float]) -> bool:
        """Whether the crops of all members lie inside a picture of this width and height."""
        return all(model.lies_inside(landmarks, picture) for model in self._members)

    def at_version(self, version: int) -> Self:
        """The same networks with the crops of another version of the pipeline."""
        other = copy(self)
        other._members = [model.at_version(version) for model in self._members]
        return other

    def blank(self) -> Crops:
        """Black crops of the members' sizes, to warm them up."""
        return tuple(model.blank() for model in self._members)

    def embed(self, crops: Sequence[Crops]) -> Float32:
        """(N, D) float32 of unit length for N faces, one batch per member. Raises what its members raise."""
        return self.embed_with_recognisability(crops)[0]

    def embed_with_recognisability(
        self, crops: Sequence[Crops], helpers: Helpers = NO_HELPERS
    ) -> tuple[Float32, list[float | None]]:
        """The embeddings of `embed`, and the recognisability of each face, 0..100, by the first member that knows it.

        helpers: run the members, in parallel where they can.
        """
        if not crops:
            return np.empty((0, self.dimension), np.float32), []
        members = enumerate(self._members)
        found = helpers.run_all(
            [partial(model.embed_with_recognisability, [crop[i] for crop in crops]) for i, model in members]
        )
        parts = [factor * vectors for (vectors, _), factor in zip(found, self._factors, strict=True)]
        # The joined length is 1 but for rounding; scaled once more, so that rounding does not add up.
        unit = np.ascontiguousarray(unit_length(np.concatenate(parts, axis=1)), dtype=np.float32)
        return unit, [
            _first_known(values) for values in zip(*(recognisability for _, recognisability in found), strict=True)
        ]


def _first_known(values: Sequence[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)
