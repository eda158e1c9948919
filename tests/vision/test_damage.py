"""What a photo has lost of a face, measured on the aligned crop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vultus.records.seen import Face
from vultus.vision.damage import damage_parts

POINTS = np.array([[90, 110], [150, 110], [120, 140], [97, 172], [143, 172]], np.float32)
FACE = Face((60.0, 60.0, 180.0, 200.0), POINTS, 0.9)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Detail of all sizes with the spectrum of natural pictures, grey."""
    rng = np.random.default_rng(4)
    frequency = np.hypot(np.fft.fftfreq(250)[:, None], np.fft.fftfreq(250)[None])
    spectrum = np.fft.fft2(rng.standard_normal((250, 250))) / np.maximum(frequency, 1 / 250) ** 1.6
    made = np.fft.ifft2(spectrum).real
    grey = np.clip(127 + 40 * made / made.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def test_a_whole_photo_has_lost_nothing(picture):
    parts = damage_parts(picture, FACE)
    assert min(parts.values()) > 60


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("resolution", lambda p: cv2.GaussianBlur(p, (0, 0), 5)),
        ("resolution", lambda p: cv2.resize(cv2.resize(p, (30, 30), interpolation=cv2.INTER_AREA), (250, 250))),
        ("noise", lambda p: np.clip(p + np.random.default_rng(1).normal(0, 40, p.shape), 0, 255).astype(np.uint8)),
        ("exposure", lambda p: (p * 0.05).astype(np.uint8)),
        ("exposure", lambda p: np.clip(p.astype(int) * 4, 0, 255).astype(np.uint8)),
    ],
)
def test_a_damaged_photo_shows_what_it_lost(picture, part, damage):
    assert damage_parts(damage(picture), FACE)[part] < damage_parts(picture, FACE)[part] - 40


def test_a_face_cut_by_the_edge_is_not_inside(picture):
    cut = Face(FACE.box, POINTS - np.float32([110, 0]), 0.9)
    assert damage_parts(picture, FACE)["inside"] == 100
    assert damage_parts(picture, cut)["inside"] < 20


def test_a_face_without_landmarks_is_measured_by_its_box(picture):
    assert set(damage_parts(picture, Face(FACE.box, np.full((5, 2), np.nan, np.float32), 0.9))) == {
        "resolution",
        "noise",
        "exposure",
        "inside",
    }
