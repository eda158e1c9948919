"""Recognition models: crops of faces to embeddings of unit length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from typing import Protocol, Self, TypeVar

import numpy as np

from vultus.errors import ModelInvalid
from vultus.matching.reliability import ReliabilityModel
from vultus.records.seen import RGB, CropRule, Face, Float32, InputRule
from vultus.vectors import has_direction, lengths, unit_length
from vultus.vision.align import LATEST_VERSION, crop_by_box, crop_by_landmarks, lies_inside
from vultus.vision.compute_slots import NO_HELPERS, Helpers
from vultus.vision.session import Session

Crop = TypeVar("Crop")  # the input of one face: an RGB crop, or one for each member of a fused model


class Recogniser(Protocol[Crop]):
    """A recognition model: crops faces as it needs them, and makes embeddings of unit length of the crops."""

    model_id: str
    dimension: int
    reliability: ReliabilityModel | None  # what it tells of decisions on a face, None where it does not

    def crop(self, pixels: RGB, face: Face, *, align: bool = True) -> Crop: ...

    def lies_inside(self, landmarks: Float32, picture: tuple[float, float]) -> bool: ...

    def at_version(self, version: int) -> Self: ...

    def blank(self) -> Crop: ...

    def embed(self, crops: Sequence[Crop]) -> Float32: ...

    def embed_with_recognisability(
        self, crops: Sequence[Crop], helpers: Helpers = NO_HELPERS
    ) -> tuple[Float32, list[float | None]]: ...


class Embedder:
    """One recognition network, used as its card declares."""

    def __init__(
        self,
        session: Session,
        *,
        model_id: str,
        input_rule: InputRule,
        crop_rule: CropRule,
        dimension: int,
        norm_range: tuple[float, float] | None = None,
        pipeline_version: int = LATEST_VERSION,
        reliability: ReliabilityModel | None = None,
    ) -> None:
        """norm_range: lengths of the raw embedding that mean recognisability 0 and 100; None: they do not tell it.

        pipeline_version: whose crops it makes, see `align`.
        """
        self.model_id = model_id
        self.dimension = dimension
        self.reliability = reliability
        self._session = session
        self._input = input_rule
        self._crop = crop_rule
        self._norm_range = norm_range
        self._version = pipeline_version

    def crop(self, pixels: RGB, face: Face, *, align: bool = True) -> RGB:
        """The (height, width, 3) uint8 RGB crop of a face that the model asks for.

        align: turned and scaled by the landmarks; False: the box as it stands.
        """
        how = {"width": self._input.width, "height": self._input.height, "version": self._version}
        if align and np.isfinite(face.landmarks).all():
            return crop_by_landmarks(pixels, face.landmarks, self._crop, **how)
        return crop_by_box(pixels, face.box, **how)

    def lies_inside(self, landmarks: Float32, picture: tuple[float, float]) -> bool:
        """Whether the crop by these landmarks (5, 2) lies inside a picture of this width and height."""
        width, height = self._input.width, self._input.height
        return lies_inside(landmarks, self._crop, picture, width=width, height=height)

    def at_version(self, version: int) -> Self:
        """The same network with the crops of another version of the pipeline."""
        other = copy(self)
        other._version = version
        return other

    def blank(self) -> RGB:
        """A black crop of the model's size, to warm it up."""
        return np.zeros((self._input.height, self._input.width, 3), np.uint8)

    def embed(self, crops: Sequence[RGB]) -> Float32:
        """(N, D) float32 of unit length for N crops, all in one batch.

        Raises ModelInvalid when the network returns another shape, NaN or zero vectors.
        """
        return self.embed_with_recognisability(crops)[0]

    def embed_with_recognisability(
        self, crops: Sequence[RGB], helpers: Helpers = NO_HELPERS
    ) -> tuple[Float32, list[float | None]]:
        """The embeddings of `embed`, and how recognisable each crop is, 0..100; None where the network does not tell.

        A network trained with a margin on the angle returns a longer vector the better it recognises the face: Meng et
        al., MagFace, CVPR 2021, section 3. helpers: let the network run in more than one thread. Raises ModelInvalid
        as `embed`.
        """
        if not crops:
            return np.empty((0, self.dimension), np.float32), []
        raw = self.raw(crops, helpers)
        norms = lengths(raw)
        if not has_direction(norms).all():
            raise ModelInvalid(f"{self.model_id} answered with NaN or zero vectors; prepare its file again")
        unit = np.ascontiguousarray(unit_length(raw), dtype=np.float32)
        return unit, [self._recognisability(norm) for norm in norms.tolist()]

    def raw(self, crops: Sequence[RGB], helpers: Helpers = NO_HELPERS) -> Float32:
        """(N, D) float32: the network's output for N crops, at least one, as it is. helpers: as above.

        Raises ModelInvalid when the network returns another shape.
        """
        raw = self._run(self.prepare(crops), helpers)
        if raw.shape != (len(crops), self.dimension):
            raise ModelInvalid(
                f"{self.model_id} answered with shape {raw.shape} instead of {(len(crops), self.dimension)}; "
                "mend the dimension in its card or the file"
            )
        return raw

    def _recognisability(self, norm: float) -> float | None:
        if self._norm_range is None:
            return None
        low, high = self._norm_range
        return 100 * min(max((norm - low) / (high - low), 0.0), 1.0)

    def _run(self, batch: Float32, helpers: Helpers) -> Float32:
        """The network's one output; a network of fixed batch size 1 is run once for each crop."""
        if self._session.input_shape[:1] != (1,):
            return self._session.run_with(helpers, batch)[0]
        return np.concatenate([self._session.run_with(helpers, batch[i : i + 1])[0] for i in range(len(batch))])

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
    """Each image of (N, H, W, 3) minus its own mean, over its own standard deviation, at least 1 / sqrt(3 H W).

    The input that facenet's models of 2017 were trained on: `prewhiten` in facenet/src/facenet.py, TensorFlow's
    tf.image.per_image_standardization. The floor keeps an image of one colour from a division by zero.
    """
    images = batch.astype(np.float64)
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    deviation = images.std(axis=(1, 2, 3), keepdims=True)
    floor = 1 / math.sqrt(images[0].size)
    white: Float32 = ((images - mean) / np.maximum(deviation, floor)).astype(np.float32)
    return white
