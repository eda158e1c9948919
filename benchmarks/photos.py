"""The photos to send: JPEGs of 640x480, 2 and 12 megapixels, as many different ones as are needed.

Without a folder of photos they come from scikit-image's astronaut (one person) and the insightface wheel's t1.jpg
(six people). Enlarged pictures compress better than a camera's, so noise is added; the sizes in bytes are printed.
Each photo shows its number as grey squares in a corner, so that no two stored photos are the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.vision.decoding.formats import PHOTO_SUFFIXES

SIZES = {"640x480": (640, 480), "2 MP": (1632, 1224), "12 MP": (4032, 3024)}
SERVED_SIZES = ("640x480", "2 MP")
QUALITY = 90
GRAIN = 3.0  # standard deviation, grey levels
MARK, BITS = 16, 14  # pixels of a square at 640 pixels' width; squares of a number
MOST_FILES = 200

Pixels = NDArray[np.uint8]


class Photos:
    """Photos of each size, made when needed."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder: photos to use instead of the packages'; the first MOST_FILES by name."""
        self._files = _files(folder) if folder else [_packaged("scikit-image", "skimage/data/astronaut.png")]
        self.source = f"{len(self._files)} files of one's own" if folder else "astronaut.png, t1.jpg"
        self._prepared = cache(self._prepare)

    def some(self, size: str, count: int, *, first: int = 0) -> list[bytes]:
        """Photos number `first` and following; each number is a file of its own."""
        with ThreadPoolExecutor() as pool:
            return list(pool.map(partial(self._jpeg, size), range(first, first + count)))

    def group(self) -> bytes:
        """One photo of six people, 1280x886."""
        return _packaged("insightface", "insightface/data/images/t1.jpg").read_bytes()

    def _jpeg(self, size: str, number: int) -> bytes:
        pixels = self._prepared(size, number % len(self._files)).copy()
        side = MARK * pixels.shape[1] // 640
        for bit in range(BITS):
            pixels[:side, bit * side : (bit + 1) * side] = 200 if number >> bit & 1 else 60
        return _encoded(pixels)

    def _prepare(self, size: str, place: int) -> Pixels:
        width, height = SIZES[size]
        pixels = _filled(_read(self._files[place]), width, height)
        grain = np.random.default_rng(0).normal(0, GRAIN, (height, width, 1))
        return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def megabytes(photos: Sequence[bytes]) -> float:
    """The mean size, 10^6 bytes."""
    return sum(map(len, photos)) / len(photos) / 1e6


def _filled(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scaled to fill the size, then cut off at the right and at the bottom, as heads are at the top."""
    scale = max(width / pixels.shape[1], height / pixels.shape[0])
    shape = (max(width, round(pixels.shape[1] * scale)), max(height, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, shape, interpolation=cv2.INTER_CUBIC)[:height, :width], np.uint8)


def _encoded(pixels: Pixels) -> bytes:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(data)


def _read(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise SystemExit(f"{path.name} is no photo that can be read")
    return np.asarray(pixels, np.uint8)


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)[:MOST_FILES]
    if not found:
        raise SystemExit(f"no photo lies in {folder}; give a folder of JPEG, PNG or WebP files")
    return found


def _packaged(package: str, path: str) -> Path:
    return Path(str(distribution(package).locate_file(path)))
