"""A photo with its detected faces; small faces can be decoded again with more pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from vultus.records.seen import RGB, Face, Photograph
from vultus.vision.orientation import turned_face

FACE_SIDE = 112  # pixels: the input of the recognition models; a smaller face is worth a second decoding
CLOSEST_SIDE = 2000  # pixels: no more are asked for on the long side, however small the face

Decode = Callable[[int], Photograph]


@dataclass(frozen=True, eq=False)
class DetectedPhoto:
    """A photo and the faces found in it, most prominent first, in the pixels of the decoded photograph.

    decode_again: decodes the photo to at least so many pixels on the long side; None: more cannot be had.
    rotation: the degrees clockwise by which the photo as sent was turned to get photograph, and decode_again's too.
    left_out: how many more faces were found than may be used.
    """

    photograph: Photograph
    faces: tuple[Face, ...]
    detector: str
    decode_again: Decode | None = None
    rotation: int = 0
    left_out: int = 0
    _decoded: dict[int, Photograph] = field(default_factory=dict, repr=False)  # by long side, for the next small face

    @property
    def found(self) -> int:
        """How many faces were found."""
        return len(self.faces) + self.left_out

    def upright(self, face: Face) -> Face:
        """A face of this photo in the pixels of the original, turned upright."""
        return scaled(face, self.photograph.reduction)

    def as_sent(self, face: Face) -> Face:
        """A face of this photo in the pixels of the original as it was sent, upright by EXIF alone."""
        size = (self.photograph.width, self.photograph.height)
        return replace(turned_face(self.upright(face), -self.rotation, *size), rotation=self.rotation)

    def closer(self, face: Face) -> tuple[Photograph, Face]:
        """The photo with as many pixels as the models use of this face, and the face in it.

        Photos are decoded small, which is enough for most faces. A small face is worth a second decoding.
        """
        first, side = self.photograph, min(face.width, face.height)
        if self.decode_again is None or first.reduction == 1 or not 0 < side < FACE_SIDE:
            return first, face
        wanted = min(FACE_SIDE / side * _long_side(first.pixels), CLOSEST_SIDE)
        photograph = next((known for known in self._decoded.values() if _long_side(known.pixels) >= wanted), None)
        if photograph is None:
            photograph = self.decode_again(int(wanted))
            self._decoded[_long_side(photograph.pixels)] = photograph
        return photograph, scaled(face, first.reduction / photograph.reduction)


def scaled(face: Face, factor: float) -> Face:
    """The face in a picture `factor` times as large."""
    x_min, y_min, x_max, y_max = face.box
    box = (x_min * factor, y_min * factor, x_max * factor, y_max * factor)
    return replace(face, box=box, landmarks=face.landmarks * np.float32(factor))


def whole_picture(pixels: RGB) -> Face:
    """The whole picture as a face of score 0 without landmarks, for calls that do not enforce detection."""
    height, width = pixels.shape[:2]
    return Face((0.0, 0.0, float(width), float(height)), np.full((5, 2), np.nan, np.float32), 0.0)


def _long_side(pixels: RGB) -> int:
    return int(max(pixels.shape[:2]))
