"""A JPEG whose file ends early: complete but for its end marker, or really cut."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, JpegImagePlugin

from vultus.errors import InvalidImage
from vultus.vision.decoding.jpeg_header import END_OF_IMAGE

FILLING = bytes(range(1, 255)) * 4  # coded pixels that no photo goes on with; without 0xFF
SEEN_SIZE = (512, 512)  # the decoder takes the smallest reduction that is not below


def completed(data: bytes) -> bytes:
    """The file with its end marker. Raises InvalidImage when pixels are missing too.

    Where no pixel is missing, what stands between the last one and the marker is skipped; where some are, it is taken
    for them. So the file is decoded twice, small, with and without something there.
    """
    ended = data.rstrip(b"\xff") + END_OF_IMAGE
    if not np.array_equal(_seen(ended), _seen(ended[:-2] + FILLING + END_OF_IMAGE)):
        raise InvalidImage("the JPEG is cut short: a part of its pixels is missing; send the whole file")
    return ended


def _seen(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as picture:
        picture.draft("RGB", SEEN_SIZE)
        picture.load()
        return np.asarray(Image.Image.copy(picture))
