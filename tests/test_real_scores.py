"""Scores, reliability and missing faces with the real models on real photos."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from tests import pictures
from vultus.errors import LowQuality

pytestmark = pytest.mark.real


def shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)


def compressed(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(shrunk(pixels, 200)).save(file, "JPEG", quality=2)
    return np.asarray(Image.open(file).convert("RGB"))


# Strengths for a face of 110 pixels in a picture of 512.
DAMAGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "blur": lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 8),
    "noise": lambda pixels: np.clip(pixels + np.random.default_rng(3).normal(0, 90, pixels.shape), 0, 255).astype(
        np.uint8
    ),
    "darkness": lambda pixels: (pixels * 0.06).astype(np.uint8),
    "jpeg": compressed,
    "enlargement": lambda pixels: cv2.resize(shrunk(pixels, 56), (512, 512), interpolation=cv2.INTER_CUBIC),
}


@pytest.fixture(params=DAMAGES)
def damaged(request: pytest.FixtureRequest) -> bytes:
    pixels = DAMAGES[request.param](np.asarray(pictures.opened(pictures.astronaut())))
    return pictures.encoded(Image.fromarray(pixels))


def test_a_damaged_photo_is_not_decided_on(real, damaged):
    """A detector that finds no face in it at all says that instead: no face is no evidence."""
    answer = real.service.recognition.verify(pictures.astronaut(), damaged, enforce_detection=False)
    assert (answer.verified, answer.rule.expected) == (False, None)
    codes = {caution.code for caution in answer.cautions}
    assert answer.decision == "unreliable" or "no_face_detected" in codes


def test_a_damaged_photo_is_not_enrolled_by_default(real):
    blurred = DAMAGES["blur"](np.asarray(pictures.opened(pictures.astronaut())))
    with pytest.raises(LowQuality, match="reliability"):
        real.service.enrolment.enroll([pictures.encoded(Image.fromarray(blurred))], collection="damaged")


def test_an_undamaged_photo_is_decided_on_with_a_rate(real):
    answer = real.service.recognition.verify(pictures.astronaut(), pictures.portrait())
    assert (answer.decision, answer.rule.expected, answer.beyond) == ("no_match", 1e-3, None)
    assert answer.score < answer.similarity
    assert answer.rule.similarity == pytest.approx(answer.rule.score + answer.similarity - answer.score)


def test_two_pictures_without_a_face_are_no_match(real):
    answer = real.service.recognition.verify(pictures.no_face(), pictures.no_face(), enforce_detection=False)
    assert (answer.decision, answer.rule.expected) == ("no_match", None)
    assert [caution.code for caution in answer.cautions].count("no_face_detected") == 2
