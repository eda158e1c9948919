"""Pictures made smaller."""

from __future__ import annotations

import cv2

from vultus.records import RGB

cv2.setNumThreads(1)  # OpenCV computes in the thread that calls it: `slots` shares the cores out


def shrink(pixels: RGB, side: int) -> tuple[RGB, float]:
    """The picture with a long side of at most `side` pixels, and small size / original size.

    First by a whole factor, averaging, then the rest, linear: averaging by a broken factor takes five times as long.
    """
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels, 1.0
    whole = int(1 / scale)
    if whole > 1:
        pixels = pixels[: height // whole * whole, : width // whole * whole]
        pixels = cv2.resize(pixels, (width // whole, height // whole), interpolation=cv2.INTER_AREA)
    rest = min(side / max(pixels.shape[:2]), 1.0)
    size = (max(1, round(pixels.shape[1] * rest)), max(1, round(pixels.shape[0] * rest)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
    return small, size[0] / pixels.shape[1] / whole
