"""What a photo has lost of a face: detail, cleanness, light, and what lies outside the picture.

Measured on the aligned crop of 112 pixels, as the networks see the face: a photo that was enlarged has many pixels and
no detail in them. Each value is a ramp, 0..100, from where recognition fails to where it no longer gains.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import RGB, CropRule, Face
from vultus.vision.align import crop_by_box, crop_by_landmarks, share_outside

SIDE = 112  # pixels of the crop
# The usual five points of a crop of 112 pixels: Deng et al., ArcFace, CVPR 2019 (insightface/utils/face_align.py).
FIVE_POINTS = CropRule(
    ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
)
SKIN = (slice(10, -5), slice(16, -16))  # rows and columns of the crop that show the face and little beside it
COARSE, MIDDLE, FINE = (0.02, 0.06), (0.12, 0.2), (0.2, 0.3)  # cycles a pixel: below FINE a network of 112 px looks
LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
BLACK, WHITE = 12, 248  # grey levels: at or beyond them nothing can be told apart

Grey = NDArray[np.float32]


def damage_parts(pixels: RGB, face: Face) -> dict[str, float]:
    """The parts of the quality that tell what was lost: resolution, noise, exposure, inside.

    resolution: energy of fine detail against coarse (log). noise: its standard deviation (log), by Immerkaer, Fast
    noise variance estimation, 1996, with the median in place of the mean, as edges are no noise. exposure: the share
    of the face that is neither black nor white. inside: the share of the aligned crop that lies within the picture.
    """
    grey = cv2.cvtColor(_aligned(pixels, face), cv2.COLOR_RGB2GRAY).astype(np.float32)
    skin = grey[SKIN]
    lost = float(((skin <= BLACK) | (skin >= WHITE)).mean())
    return {
        "resolution": ramp(_detail(grey), -22, -12),
        "noise": ramp(-_noise(grey), -2.6, -0.6),
        "exposure": ramp(-lost, -0.6, -0.05),
        "inside": ramp(-_outside(pixels, face), -0.5, -0.05),
    }


def _aligned(pixels: RGB, face: Face) -> RGB:
    if np.isfinite(face.landmarks).all():
        return crop_by_landmarks(pixels, face.landmarks, FIVE_POINTS, width=SIDE, height=SIDE)
    return crop_by_box(pixels, face.box, width=SIDE, height=SIDE)


def _detail(grey: Grey) -> float:
    spectrum = np.abs(np.fft.rfft2((grey - grey.mean()) * _WINDOW)) ** 2
    coarse, middle, fine = (float(np.log(spectrum[band].mean() + 1)) for band in _BANDS)
    return middle + fine - 2 * coarse


def _noise(grey: Grey) -> float:
    residue = np.abs(cv2.filter2D(grey, -1, LAPLACIAN))[2:-2, 2:-2]
    return float(np.log1p(np.sqrt(np.pi / 2) / 6 * np.median(residue)))


def _outside(pixels: RGB, face: Face) -> float:
    if not np.isfinite(face.landmarks).all():
        return 0.0
    height, width = pixels.shape[:2]
    return share_outside(face.landmarks, FIVE_POINTS, width=SIDE, height=SIDE, picture=(width, height))


def _window() -> Grey:
    """Falls to 0 at the edges, so that these are no detail; of mean energy 1."""
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    return np.asarray(window / np.sqrt((window**2).mean()), np.float32)


def _bands() -> list[NDArray[np.bool_]]:
    radius = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    return [(radius >= low) & (radius < high) for low, high in (COARSE, MIDDLE, FINE)]


_WINDOW, _BANDS = _window(), _bands()


def ramp(value: float, low: float, high: float) -> float:
    """A measured value as a part of a quality: 0 at or below `low`, 100 at or above `high`, linear between."""
    return 100 * min(max((float(value) - low) / (high - low), 0.0), 1.0)
