"""Drawn faces, made of whole numbers alone, so that they are the same on every machine: nobody's photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import RGB, Face

SIDE = 160  # pixels
FACE_BOX = (36.0, 14.0, 124.0, 140.0)  # of the head, as drawn
LANDMARKS = ((60, 68), (100, 68), (80, 92), (64, 112), (96, 112))  # of the head, as drawn
_BACK, _HAIR, _WHITE, _PUPIL, _BROW = (120, 130, 140), (52, 38, 30), (236, 232, 228), (38, 30, 26), (60, 44, 34)
_SKINS = ((214, 170, 144), (132, 92, 70))
_LIPS = (150, 70, 70)
Mask = NDArray[np.bool_]


def drawn_faces() -> tuple[RGB, ...]:
    """Two pictures, (SIDE, SIDE, 3) uint8 RGB each: the same head in two tones."""
    return tuple(_drawn_face(skin) for skin in _SKINS)


def as_detected() -> Face:
    """The face of each picture as a detector would give it."""
    return Face(FACE_BOX, np.array(LANDMARKS, np.float32), 0.9)


def _drawn_face(skin: tuple[int, int, int]) -> RGB:
    """A head in front of grey.

    Shaded and with a grain: over even areas the sums of a network are small, and wrong arithmetic shows in large ones.
    """
    y, x = np.mgrid[:SIDE, :SIDE]
    picture = np.empty((SIDE, SIDE, 3), np.int64)
    picture[:] = _BACK

    def oval(centre_x: int, centre_y: int, half_width: int, half_height: int) -> Mask:
        across, down = (x - centre_x) * half_height, (y - centre_y) * half_width
        inside: Mask = across**2 + down**2 <= (half_width * half_height) ** 2
        return inside

    picture[oval(80, 64, 50, 54)] = _HAIR
    picture[(abs(x - 80) <= 18) & (y >= 120)] = skin  # the neck
    picture[oval(80, 82, 42, 56) & ((y > 50) | oval(80, 70, 34, 34))] = skin
    for eye_x in (60, 100):
        picture[oval(eye_x, 56, 12, 3)] = _BROW
        picture[oval(eye_x, 68, 9, 5)] = _WHITE
        picture[oval(eye_x, 68, 5, 5)] = _PUPIL
    picture[(abs(x - 80) <= 4) & (y > 70) & (y < 92)] -= 14  # the nose
    picture[oval(80, 93, 8, 4)] -= 30
    picture[oval(80, 112, 17, 5)] = _LIPS
    picture[oval(80, 112, 15, 1)] -= 50
    light = (80 - x) // 4 + (70 - y) // 6  # from the upper left
    grain = (x * 7919 + y * 104729 + x * y * 31) % 17 - 8
    shaded: RGB = np.clip(picture + (light + grain)[..., None], 0, 255).astype(np.uint8)
    return shaded
