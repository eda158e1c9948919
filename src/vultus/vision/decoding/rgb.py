"""The pixels of an open picture as RGB, whatever mode they are stored in, a band of rows at a time.

In bands, so that no second copy of a large picture is made, neither for its alpha nor for its conversion.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vultus.records.seen import RGB

BAND_PIXELS = 1_000_000
DEEP_MODES = ("I", "F")  # and those that begin with "I;": one channel of more than 8 bits
STEPS = (1 << 8, 1 << 12, 1 << 16)  # levels of grey that scanners and cameras write
WHITE = 255


def to_rgb(picture: Image.Image, *, bits: int | None = None) -> RGB:
    """(H, W, 3) uint8 of a loaded picture; what is transparent becomes white.

    bits: of a sample, where the file says so. Deep grey is shown as viewers show it: its highest level is white.
    """
    levels = _levels(picture, bits) if _is_deep(picture) else 0.0
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    for top, band in _bands(picture):
        pixels[top : top + band.height] = _deep_to_rgb(band, levels) if levels else _band_to_rgb(band)
    return pixels


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode in DEEP_MODES or picture.mode.startswith("I;")


def _bands(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    rows = max(1, BAND_PIXELS // picture.width)
    if rows >= picture.height:
        yield 0, picture
        return
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _band_to_rgb(band: Image.Image) -> RGB:
    if not band.has_transparency_data:
        return np.asarray(band if band.mode == "RGB" else band.convert("RGB"))
    rgba = np.asarray(band if band.mode == "RGBA" else band.convert("RGBA"))
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = rgba[..., :3] * alpha + WHITE * (WHITE - alpha) + 128  # at most 65,153
    return ((mixed + (mixed >> 8)) >> 8).astype(np.uint8)  # mixed / 255, rounded


def _levels(picture: Image.Image, bits: int | None) -> float:
    """By how much the highest level of a deep picture is above 0."""
    if bits is not None and 8 <= bits <= 16 and picture.mode != "F":
        return float(1 << bits)
    highest = max(float(np.nanmax(_finite(band))) for _, band in _bands(picture))
    if picture.mode == "F" and highest <= 1:
        return 1.0
    if picture.mode.startswith("I;"):
        return float(STEPS[-1])
    return next((float(step) for step in STEPS if highest < step), highest + 1)


def _finite(band: Image.Image) -> NDArray[np.float32]:
    return np.nan_to_num(np.asarray(band).astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def _deep_to_rgb(band: Image.Image, levels: float) -> RGB:
    grey = (_finite(band) * np.float32(256 / levels)).clip(0, WHITE).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
