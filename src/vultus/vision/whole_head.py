"""The whole head: a picture that is nearly all face is detected again with a border around it.

Detectors were trained on heads with something around them. Only the detector sees the border: box and landmarks are
those in the picture itself, and may lie outside it.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from vultus.records.seen import RGB, Face
from vultus.vision.detect import Detector, sure_faces

MOST_OF_SIDE = 0.9  # box / picture, of the width or the height: above it the picture is nearly all face
BORDER = 0.3  # of the long side, on each side
GREY = 127


def with_border(detector: Detector, pixels: RGB, faces: list[Face]) -> list[Face]:
    """The faces of a picture that is nearly all face, or has none, found again with a grey border around it.

    faces: those found without it, which stay where the border shows none, and in all other pictures.
    """
    if faces and not any(_nearly_all(face, pixels) for face in faces):
        return faces
    margin = round(BORDER * max(pixels.shape[:2]))
    sides = (margin, margin, margin, margin)
    bordered = cv2.copyMakeBorder(pixels, *sides, borderType=cv2.BORDER_CONSTANT, value=(GREY, GREY, GREY))
    return [_moved(face, -margin) for face in sure_faces(detector, np.asarray(bordered, np.uint8))] or faces


def _nearly_all(face: Face, pixels: RGB) -> bool:
    height, width = pixels.shape[:2]
    return bool(face.width > MOST_OF_SIDE * width or face.height > MOST_OF_SIDE * height)


def _moved(face: Face, by: float) -> Face:
    """The face so many pixels further to the right and down."""
    x_min, y_min, x_max, y_max = face.box
    return replace(
        face, box=(x_min + by, y_min + by, x_max + by, y_max + by), landmarks=face.landmarks + np.float32(by)
    )
