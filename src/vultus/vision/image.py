"""Shrinks pictures, and encodes them as JPEG files."""

from __future__ import annotations

import io

import cv2
from PIL import Image

from vultus.records.seen import RGB

JPEG_QUALITY = 85


def encode_jpeg(pixels: RGB, *, max_side: int) -> tuple[bytes, int, int]:
    """JPEG bytes of (H, W, 3) uint8 RGB, shrunk to at most max_side pixels on the long side, with width and height.

    The same pixels give the same bytes with one version of the codec; no metadata of the original survives.
    """
    picture = Image.fromarray(shrink(pixels, max_side)[0])
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue(), picture.width, picture.height


def shrink(pixels: RGB, side: int) -> tuple[RGB, float]:
    """The picture with a long side of at most `side` pixels, and small size / original size.

    First by a whole factor, averaging, then by the rest, linear: averaging by a fraction takes five times as long.
    """
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels, 1.0
    whole = int(1 / scale)
    if whole > 1:
        # Rows and columns beyond a multiple of the factor are cut off: with them the factor would not be whole.
        pixels = pixels[: height // whole * whole, : width // whole * whole]
        pixels = cv2.resize(pixels, (width // whole, height // whole), interpolation=cv2.INTER_AREA)
    rest = min(side / max(pixels.shape[:2]), 1.0)
    size = (max(1, round(pixels.shape[1] * rest)), max(1, round(pixels.shape[0] * rest)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
    return small, size[0] / pixels.shape[1] / whole
