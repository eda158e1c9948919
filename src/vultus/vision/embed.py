"""Crops to embeddings of unit length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from vultus.errors import ModelInvalid
from vultus.records import RGB, CropRule, Face, Float32, InputRule
from vultus.vision.align import crop_by_box, crop_by_landmarks
from vultus.vision.compute_slots import Together, one_by_one
from vultus.vision.session import Session

SMALLEST_NORM = 1e-6
Crop = TypeVar("Crop")  # what the model sees of a face


class Recogniser(Protocol[Crop]):
    """A recognition model: cuts out what it wants to see of a face, and makes embeddings of unit length of it."""

    model_id: str
    dimension: int

    def crop(self, pixels: RGB, face: Face, *, align: bool = True) -> Crop: ...

    def blank(self) -> Crop: ...

    def embed(self, crops: Sequence[Crop]) -> Float32: ...

    def embed_with_recognisability(
        self, crops: Sequence[Crop], together: Together = one_by_one
    ) -> tuple[Float32, list[float | None]]: ...


class Embedder:
    """A recognition model as its card declares it."""

    def __init__(
        self,
        session: Session,
        *,
        model_id: str,
        input_rule: InputRule,
        crop_rule: CropRule,
        dimension: int,
        norm_range: tuple[float, float] | None = None,
    ) -> None:
        """norm_range: lengths of the raw embedding that mean recognisability 0 and 100; None: they mean nothing."""
        self.model_id = model_id
        self.dimension = dimension
        self._session = session
        self._input = input_rule
        self._crop = crop_rule
        self._norm_range = norm_range

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
        return self.embed_with_recognisability(crops)[0]

    def embed_with_recognisability(
        self, crops: Sequence[RGB], together: Together = one_by_one
    ) -> tuple[Float32, list[float | None]]:
        """The embeddings of `embed`, and of each crop how well the network recognises it, 0..100, where it tells.

        together: unused, as there is one network.

        A network trained with a margin on the angle answers a longer vector the better it sees the face: Meng et al.,
        MagFace, CVPR 2021, section 3. Raises ModelInvalid as `embed` does.
        """
        if not crops:
            return np.empty((0, self.dimension), np.float32), []
        raw = self._run(self.prepare(crops))
        if raw.shape != (len(crops), self.dimension):
            raise ModelInvalid(
                f"{self.model_id} answered with shape {raw.shape} instead of {(len(crops), self.dimension)}; "
                "mend the dimension in its card or the file"
            )
        norm = np.linalg.norm(raw, axis=1, keepdims=True)
        if not (np.isfinite(norm).all() and (norm > SMALLEST_NORM).all()):
            raise ModelInvalid(f"{self.model_id} answered with NaN or zero vectors; prepare its file again")
        return np.ascontiguousarray(raw / norm, dtype=np.float32), [self._recognisability(n) for n in norm[:, 0]]

    def _recognisability(self, norm: float) -> float | None:
        if self._norm_range is None:
            return None
        low, high = self._norm_range
        return 100 * min(max((float(norm) - low) / (high - low), 0.0), 1.0)

    def _run(self, batch: Float32) -> Float32:
        """The network's one output; a network of batch size 1 sees the crops one by one."""
        if self._session.input_shape[:1] != (1,):
            return self._session.run(batch)[0]
        return np.concatenate([self._session.run(batch[i : i + 1])[0] for i in range(len(batch))])

    def prepare(self, crops: Sequence[RGB]) -> Float32:
        """The network's float32 input for N crops, in the card's channel order, layout, mean and scale."""
        batch = np.stack(crops).astype(np.float32)
        if self._input.channels == "BGR":
            batch = batch[..., ::-1]
        if self._input.per_image:
            batch = whiten(batch)
        else:
            batch -= np.float32(self._input.mean)
            batch /= np.float32(self._input.scale)
        if self._input.layout == "NCHW":
            batch = batch.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(batch)


def whiten(batch: Float32) -> Float32:
    """Every image of (N, H, W, 3) less its own mean, divided by its own standard deviation, at least 1 / sqrt(3 H W).

    What facenet's models of 2017 were trained on: `prewhiten` in facenet/src/facenet.py, TensorFlow's
    tf.image.per_image_standardization. The floor keeps an image of one colour from a division by zero.
    """
    images = batch.astype(np.float64)
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    deviation = images.std(axis=(1, 2, 3), keepdims=True)
    floor = 1 / math.sqrt(images[0].size)
    white: Float32 = ((images - mean) / np.maximum(deviation, floor)).astype(np.float32)
    return white
