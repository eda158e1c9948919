"""Face quality: 0..100 and its named parts, after the components of ISO/IEC 29794-5.

Each part is a ramp from a value at which recognition fails (0) to one at which it no longer gains (100). The score is
their weighted geometric mean, so that one part at 0 means 0. The weights are those that predict false non-matches best
on LFW: the parts that the networks themselves report count most. docs/accuracy-internals.md has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import RGB, Face, Float32, Quality
from vultus.vision.align import crop_by_box
from vultus.vision.damage import damage_parts, ramp

# Stored with every score. Raise it with each change of the parts, their ramps or their weights.
QUALITY_VERSION = 2
GREY_SIDE = 112  # pixels of the grey face on which sharpness and light are measured
RELIABILITY = "reliability"  # the part that a model with a predictor of its own adds: see `matching/reliability.py`
WEIGHTS = {"landmarks": 3.0, "recognisability": 4.0}  # of the other parts: 1


def assess(pixels: RGB, face: Face, *, reduction: float = 1.0) -> Quality:
    """The quality of a face in (H, W, 3) uint8 RGB pixels.

    reduction: original size / decoded size, so that the face's size counts in pixels of the original.
    """
    grey = _grey(pixels, face)
    parts = {
        "size": ramp(min(face.width, face.height) * reduction, 16, 110),  # pixels
        "sharpness": _sharpness(grey),
        "brightness": ramp(127.5 - abs(float(grey.mean()) - 127.5), 8, 64),  # grey levels from black or white
        "contrast": ramp(float(grey.std()), 4, 32),  # grey levels
        "pose": _pose(face.landmarks),
        "crop": ramp(share_inside(pixels, face), 0.5, 0.98),
        "detector": ramp(face.score, 0.5, 0.93),
        **damage_parts(pixels, face),
    }
    if face.landmark_shift is not None:
        parts["landmarks"] = ramp(-face.landmark_shift, -0.35, -0.08)  # eye distances, less is better
    return _joined(parts)


def sharpness(pixels: RGB, face: Face) -> float:
    """How sharp the face is, 0..100: the part of its quality."""
    return _sharpness(_grey(pixels, face))


def with_recognisability(quality: Quality, recognisability: float | None) -> Quality:
    """The quality with the recognisability of the crop, 0..100, as one part more; None: it is not known."""
    if recognisability is None:
        return quality
    return _joined({**quality.parts, "recognisability": recognisability})


def with_reliability(quality: Quality, reliability: float) -> Quality:
    """The quality with the reliability of decisions on this face, 0..100, as one part more; it bounds the score."""
    joined = _joined(quality.parts)
    parts = {**joined.parts, RELIABILITY: round(reliability, 1)}
    return Quality(round(min(joined.score, reliability), 1), parts, QUALITY_VERSION)


def _joined(parts: Mapping[str, float]) -> Quality:
    weights = np.array([WEIGHTS.get(name, 1.0) for name in parts])
    shares = np.array(list(parts.values())) / 100
    score = 100 * float(np.prod(shares ** (weights / weights.sum())))
    return Quality(round(score, 1), {name: round(part, 1) for name, part in parts.items()}, QUALITY_VERSION)


def _grey(pixels: RGB, face: Face) -> NDArray[np.uint8]:
    """(GREY_SIDE, GREY_SIDE) of the box."""
    crop = crop_by_box(pixels, face.box, width=GREY_SIDE, height=GREY_SIDE)
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)


def _sharpness(grey: NDArray[np.uint8]) -> float:
    return ramp(np.log10(1 + cv2.Laplacian(grey, cv2.CV_32F).var()), 0.8, 2.6)


def _pose(landmarks: Float32) -> float:
    """100 for a frontal face; falls as the nose leaves the middle of eyes and mouth (yaw) or nears either (pitch)."""
    if not np.isfinite(landmarks).all():
        return 0.0
    left_eye, right_eye, nose, left_mouth, right_mouth = landmarks.astype(np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    axis = mouth - eyes
    length = max(float(np.hypot(*axis)), 1e-6)
    width = max(float(np.hypot(*(right_eye - left_eye))), 1e-6)
    across = abs(float(axis[0] * (nose - eyes)[1] - axis[1] * (nose - eyes)[0])) / length
    along = float(np.dot(nose - eyes, axis)) / length**2
    yaw = ramp(0.6 - across / width, 0.0, 0.5)
    pitch = ramp(0.5 - abs(along - 0.55), 0.05, 0.3)
    narrow = ramp(width / length, 0.2, 0.6)
    return float((yaw * pitch * narrow) ** (1 / 3))


def share_inside(pixels: RGB, face: Face) -> float:
    """The share of the box that lies within the picture, 0..1."""
    height, width = pixels.shape[:2]
    x_min, y_min, x_max, y_max = face.box
    inside = max(min(x_max, width) - max(x_min, 0), 0) * max(min(y_max, height) - max(y_min, 0), 0)
    return float(inside / max(face.area, 1e-6))
