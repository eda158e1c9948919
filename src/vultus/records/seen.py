"""What is seen in a photo: the picture, its faces, their quality and embeddings; and what a model needs of them.

Arrays are numpy; a box is (x_min, y_min, x_max, y_max) in pixels of the upright image; landmarks are (5, 2), x then y,
in the order left eye, right eye, nose, left mouth corner, right mouth corner, left and right as seen in the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
RGB = NDArray[np.uint8]  # (H, W, 3), upright
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class InputRule:
    """How a crop becomes the network's input: (pixel - mean) / scale, in this channel order, NCHW or NHWC.

    per_image: mean and scale are those of each crop, all its channels together, and not the two numbers given here.
    """

    width: int
    height: int
    channels: Literal["RGB", "BGR"]
    layout: Literal["NCHW", "NHWC"]
    mean: float
    scale: float
    per_image: bool = False


@dataclass(frozen=True)
class CropRule:
    """Where the five landmarks lie in the crop, and by how much the crop is stretched horizontally.

    template: five (x, y) in pixels of the crop. horizontal_stretch: a similarity is fitted to the template with x
    shrunk by this factor about the crop's centre, then x is scaled by the factor.
    """

    template: tuple[tuple[float, float], ...]
    horizontal_stretch: float = 1.0


@dataclass(frozen=True, eq=False)
class Photograph:
    """A decoded image: `pixels` (H, W, 3) uint8 RGB, upright, perhaps reduced while decoding.

    width, height: the size of the upright original; `reduction` = original size / decoded size, >= 1.
    """

    pixels: RGB
    width: int
    height: int
    reduction: float = 1.0


@dataclass(frozen=True, eq=False)
class Face:
    """One detected face: box and landmarks in pixels of the image given to the detector, score in 0..1.

    landmark_shift: how far two networks put the landmarks apart, mean, in eye distances; None when only one did.
    doubted: a second network saw no face in the box. rotation: the degrees clockwise by which the photo was turned to
    have the face upright.
    """

    box: Box
    landmarks: Float32
    score: float
    landmark_shift: float | None = None
    doubted: bool = False
    rotation: int = 0

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)


@dataclass(frozen=True)
class Quality:
    """0..100, higher predicts fewer false non-matches; `parts` are the named scores, 0..100 each.

    version: of the rule that made the score; scores of two versions do not compare.
    """

    score: float
    parts: Mapping[str, float]
    version: int = 1


@dataclass(frozen=True, eq=False)
class ModelEmbedding:
    """An embedding, (D,) float32 of unit length, and the model that made it."""

    embedding: Float32
    model_id: str


@dataclass(frozen=True, eq=False)
class Template(ModelEmbedding):
    """A comparable face: its embedding, and the face it came from, in pixels of the upright original photo."""

    face: Face
    quality: Quality
