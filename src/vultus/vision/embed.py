"""Crops to embeddings of unit length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vultus.errors import ModelInvalid
from vultus.records import RGB, CropRule, Face, Float32, InputRule
from vultus.vision.align import crop_by_box, crop_by_landmarks
from vultus.vision.session import Session

SMALLEST_NORM = 1e-6


class Embedder:
    """A recognition model as its card declares it."""

    def __init__(
        self, session: Session, *, model_id: str, input_rule: InputRule, crop_rule: CropRule, dimension: int
    ) -> None:
        self.model_id = model_id
        self.dimension = dimension
        self._session = session
        self._input = input_rule
        self._crop = crop_rule

    def crop(self, pixels: RGB, face: Face, *, align: bool = True) -> RGB:
        """The (height, width, 3) uint8 RGB crop of a face that the model asks for.

        align: turned and scaled by the landmarks; False: the box as it stands.
        """
        size = {"width": self._input.width, "height": self._input.height}
        if align and np.isfinite(face.landmarks).all():
            return crop_by_landmarks(pixels, face.landmarks, self._crop, **size)
        return crop_by_box(pixels, face.box, **size)

    def blank(self) -> RGB:
        """A black crop of the model's size, to warm it up."""
        return np.zeros((self._input.height, self._input.width, 3), np.uint8)

    def embed(self, crops: Sequence[RGB]) -> Float32:
        """(N, D) float32 of unit length for N crops, all in one batch.

        Raises ModelInvalid when the network answers with another shape, NaN or zero vectors.
        """
        if not crops:
            return np.empty((0, self.dimension), np.float32)
        raw = self._session.run(self.prepare(crops))[0]
        if raw.shape != (len(crops), self.dimension):
            raise ModelInvalid(
                f"{self.model_id} answered with shape {raw.shape} instead of {(len(crops), self.dimension)}; "
                "mend the dimension in its card or the file"
            )
        norm = np.linalg.norm(raw, axis=1, keepdims=True)
        if not (np.isfinite(norm).all() and (norm > SMALLEST_NORM).all()):
            raise ModelInvalid(f"{self.model_id} answered with NaN or zero vectors; prepare its file again")
        return np.ascontiguousarray(raw / norm, dtype=np.float32)

    def prepare(self, crops: Sequence[RGB]) -> Float32:
        """The network's float32 input for N crops, in the card's channel order, layout, mean and scale."""
        batch = np.stack(crops).astype(np.float32)
        if self._input.channels == "BGR":
            batch = batch[..., ::-1]
        batch -= np.float32(self._input.mean)
        batch /= np.float32(self._input.scale)
        if self._input.layout == "NCHW":
            batch = batch.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(batch)
