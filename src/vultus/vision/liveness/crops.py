"""The crops that liveness models see: the face with the room around it, where frames, edges and hands give away."""

from __future__ import annotations

import cv2
import numpy as np

from vultus.records.seen import RGB, Box


def room(box: Box, width: int, height: int) -> float:
    """How many times the box its crop may be at most in a picture of this size, without leaving the picture."""
    x_min, y_min, x_max, y_max = box
    return min((width - 1) / max(x_max - x_min, 1.0), (height - 1) / max(y_max - y_min, 1.0))


def crop_around(pixels: RGB, box: Box, *, scale: float, side: int) -> RGB:
    """(side, side, 3): the box times `scale` about its centre, stretched to a square.

    A crop that reaches beyond the picture is moved inside; one larger than the picture is made smaller first. So
    Silent-Face-Anti-Spoofing's generate_patches.py (Apache-2.0) cuts what its networks were trained on, with the same
    bilinear interpolation.
    """
    height, width = pixels.shape[:2]
    scale = min(scale, room(box, width, height))
    left, right = _span(box[0], box[2], scale, width)
    top, bottom = _span(box[1], box[3], scale, height)
    crop = cv2.resize(pixels[top:bottom, left:right], (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(crop, np.uint8)


def _span(low: float, high: float, scale: float, size: int) -> tuple[int, int]:
    """The first pixel and the one behind the last of a side, inside of a picture of this size; at least one."""
    length = min(max(high - low, 1.0) * scale, size)
    begin = min(max((low + high - length) / 2, 0.0), size - length)
    first = min(int(begin), size - 1)
    return first, max(int(begin + length), first + 1)
