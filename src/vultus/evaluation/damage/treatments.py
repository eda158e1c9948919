"""Treatments: ways in which photos are bad in practice, each at three strengths, the same for the same photo.

What depends on size is measured by the width of the face, so that one strength means the same in any photo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from vultus.records.seen import RGB
from vultus.vision.decoding.decode import decode

SMALLEST_SIDE = 16  # pixels of a shrunk picture
GREY = (127, 127, 127)  # beside a picture that was turned

Apply = Callable[[RGB, float, float], RGB]


@dataclass(frozen=True)
class Treatment:
    """unit: what a strength is, in words. strengths: weak, middle, strong.

    apply: (pixels (H, W, 3) uint8 RGB, width of the face in pixels, strength) -> pixels.
    """

    unit: str
    strengths: tuple[float, float, float]
    apply: Apply


def damaged(photo: bytes, treatment: Treatment, strength: float, face_width: float) -> bytes:
    """A PNG of the treated photo. face_width: in pixels of the photo as `vision.decoding.decode` returns it.

    Raises: InvalidImage, RequestTooLarge.
    """
    pixels = treatment.apply(decode(photo).pixels, face_width, strength)
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def _blur(pixels: RGB, face_width: float, percent: float) -> RGB:
    return cv2.GaussianBlur(pixels, (0, 0), max(face_width * percent / 100, 0.3))  # type: ignore[no-any-return]


def _motion_blur(pixels: RGB, face_width: float, percent: float) -> RGB:
    length = max(int(face_width * percent / 100), 1)
    return cv2.blur(pixels, (length, 1))  # type: ignore[no-any-return]


def _enlarge(pixels: RGB, face_width: float, small_width: float) -> RGB:
    height, width = pixels.shape[:2]
    scale = min(small_width / max(face_width, 1.0), 1.0)
    size = max(int(width * scale), SMALLEST_SIDE), max(int(height * scale), SMALLEST_SIDE)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[no-any-return]


def _jpeg(pixels: RGB, _: float, quality: float) -> RGB:
    coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _brightness(pixels: RGB, _: float, factor: float) -> RGB:
    scaled: RGB = np.clip(np.round(pixels * np.float32(factor)), 0, 255).astype(np.uint8)
    return scaled


def _noise(pixels: RGB, _: float, deviation: float) -> RGB:
    noise = np.random.default_rng(0).normal(0, deviation, pixels.shape)
    noisy: RGB = np.clip(np.round(pixels + noise), 0, 255).astype(np.uint8)
    return noisy


def _turn(pixels: RGB, _: float, degrees: float) -> RGB:
    height, width = pixels.shape[:2]
    transform = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(pixels, transform, (width, height), borderValue=GREY)  # type: ignore[no-any-return]


TREATMENTS: Mapping[str, Treatment] = {
    "blur": Treatment("deviation, % of the face's width", (2, 4, 8), _blur),
    "motion blur": Treatment("length, % of the face's width", (5, 10, 20), _motion_blur),
    "enlarged": Treatment("width of the face before, pixels", (48, 32, 24), _enlarge),
    "JPEG": Treatment("quality", (30, 10, 5), _jpeg),
    "dark": Treatment("brightness, times", (0.4, 0.2, 0.1), _brightness),
    "over-exposed": Treatment("brightness, times", (1.5, 2, 3), _brightness),
    "noise": Treatment("deviation, of 255", (15, 30, 60), _noise),
    "turned": Treatment("degrees", (20, 45, 90), _turn),
}
