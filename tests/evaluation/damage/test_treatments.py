from __future__ import annotations

import cv2
import numpy as np
import pytest

from vultus.evaluation.damage.treatments import TREATMENTS, damaged
from vultus.vision.decoding.decode import decode

RNG = np.random.default_rng(0)
PIXELS = cv2.GaussianBlur(RNG.integers(0, 256, (120, 160, 3), dtype=np.uint8), (0, 0), 1.5)
PHOTO = cv2.imencode(".png", cv2.cvtColor(PIXELS, cv2.COLOR_RGB2BGR))[1].tobytes()


def treated(name: str, strength: float) -> np.ndarray:
    return decode(damaged(PHOTO, TREATMENTS[name], strength, face_width=80.0)).pixels.astype(int)


@pytest.mark.parametrize("name", TREATMENTS)
def test_a_stronger_treatment_changes_more_and_the_same_one_the_same(name):
    assert len(TREATMENTS[name].strengths) == 3
    changes = [np.abs(treated(name, strength) - PIXELS).mean() for strength in TREATMENTS[name].strengths]
    assert changes[0] > 0
    assert changes == sorted(changes) or name == "turned"
    assert (treated(name, TREATMENTS[name].strengths[2]) == treated(name, TREATMENTS[name].strengths[2])).all()


def test_darkness_by_hand():
    assert (treated("dark", 0.4) == np.round(PIXELS * np.float32(0.4))).all()


def test_a_size_is_measured_by_the_face():
    """A face of 80 pixels made 40 wide halves the picture; one of 40 pixels is as small already and stays."""
    enlarged = TREATMENTS["enlarged"]
    assert (decode(damaged(PHOTO, enlarged, 40, face_width=40.0)).pixels == PIXELS).all()
    assert (decode(damaged(PHOTO, enlarged, 40, face_width=80.0)).pixels != PIXELS).any()
