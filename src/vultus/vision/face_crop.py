"""A square picture of a face, cut out of the small photo that is stored of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vultus.records.seen import RGB, Box, Face, Float64
from vultus.records.stored import EnrolledFace
from vultus.vision.align import crop_square

SQUARE_MARGIN = 1.3  # side of the square / longer side of the box
MAX_DEVIATION = (
    0.1  # widths of the face; in three groups of 6 to 9 people the right face was below 0.05, others from 0.18
)


def crop_face(pixels: RGB, box: Box, *, size: int) -> RGB:
    """The (size, size, 3) crop around a box, with a margin; moved into the picture where it would reach beyond it."""
    x_min, y_min, x_max, y_max = box
    height, width = pixels.shape[:2]
    side = max(x_max - x_min, y_max - y_min, 1.0) * SQUARE_MARGIN
    left = _moved_inside((x_min + x_max - side) / 2, side, width)
    top = _moved_inside((y_min + y_max - side) / 2, side, height)
    return crop_square(pixels, left, top, side, size=size)


def cut_out(pixels: RGB, face: Face, *, margin: float, most: int) -> tuple[RGB, Face]:
    """A square picture around a face, at most `most` pixels wide, and the face in it.

    margin: side of the picture / side of the box.
    """
    x_min, y_min, x_max, y_max = face.box
    side = max(face.width, face.height, 1.0) * margin
    left, top = (x_min + x_max - side) / 2, (y_min + y_max - side) / 2
    size = max(1, min(round(side), most))
    scale = size / side
    box = ((x_min - left) * scale, (y_min - top) * scale, (x_max - left) * scale, (y_max - top) * scale)
    landmarks = (face.landmarks - np.array([left, top], np.float32)) * np.float32(scale)
    return crop_square(pixels, left, top, side, size=size), replace(face, box=box, landmarks=landmarks, rotation=0)


def scale_to(found: Sequence[Face], face: EnrolledFace) -> float | None:
    """Size of a photo / size of the original, by the detection in the photo that fits an enrolled face best.

    Both pictures have the same corner, so a face in one is the face in the other times one number: the least-squares
    one for box and landmarks. None when no detection fits.
    """
    if face.box is None:
        return None
    original = _points(face.box, face.landmarks)
    fits = [_fit(original, _points(one.box, one.landmarks.tolist())) for one in found]
    deviation, scale = min(fits, default=(np.inf, 0.0))
    return scale if deviation <= MAX_DEVIATION else None


def scaled_box(box: Box, across: float, down: float) -> Box:
    """A box in a picture so many times as wide and as high."""
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down


def _points(box: Box, landmarks: Sequence[Sequence[float]]) -> Float64:
    """(7, 2): two corners of the box and the landmarks."""
    return np.array([box[:2], box[2:], *landmarks], np.float64)


def _fit(original: Float64, found: Float64) -> tuple[float, float]:
    """The mean deviation in widths of the face found, and the scale."""
    if original.shape != found.shape or not (np.isfinite(original).all() and np.isfinite(found).all()):
        return np.inf, 0.0
    scale = float((original * found).sum() / max((original * original).sum(), 1e-12))
    width = max(float(found[1, 0] - found[0, 0]), 1e-6)
    return float(np.hypot(*(found - scale * original).T).mean()) / width, scale


def _moved_inside(start: float, side: float, length: int) -> float:
    return (length - side) / 2 if side >= length else min(max(start, 0.0), length - side)
