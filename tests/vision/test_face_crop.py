"""Square crops of faces, and where a face is in a smaller copy of its photo."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from vultus.records.seen import Face
from vultus.records.stored import EnrolledFace
from vultus.vision.detected_photo import scaled
from vultus.vision.face_crop import crop_face, scale_to, scaled_box

LANDMARKS = np.array([[430, 240], [470, 241], [450, 262], [434, 280], [466, 281]], np.float32)
SEEN = Face((420.0, 220.0, 480.0, 300.0), LANDMARKS, 0.9)
ENROLLED = EnrolledFace(
    "f",
    "c",
    "s",
    None,
    SEEN.box,
    tuple(map(tuple, LANDMARKS.tolist())),
    0.9,
    None,
    "m",
    datetime(2026, 1, 1, tzinfo=UTC),
)


def coordinates(width: int, height: int) -> np.ndarray:
    """A picture whose first two channels are x and y."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8)


def test_the_square_is_around_the_middle_of_the_box_with_its_margin():
    """Box 50 wide, 80 high about (100, 90): a square of 104, from (48, 38) to (152, 142)."""
    crop = crop_face(coordinates(200, 200), (75, 50, 125, 130), size=104)
    assert crop.shape == (104, 104, 3)
    np.testing.assert_allclose(crop[0, 0, :2], (48, 38), atol=1)
    np.testing.assert_allclose(crop[-1, -1, :2], (151, 141), atol=1)


@pytest.mark.parametrize(
    ("box", "first", "last"),
    [
        ((-10.0, 0.0, 70.0, 80.0), (0, 0), (103, 103)),
        ((150.0, 150.0, 230.0, 230.0), (96, 96), (199, 199)),
    ],
)
def test_a_square_beyond_the_picture_is_moved_into_it(box, first, last):
    crop = crop_face(coordinates(200, 200), box, size=104)
    np.testing.assert_allclose(crop[0, 0, :2], first, atol=1)
    np.testing.assert_allclose(crop[-1, -1, :2], last, atol=1)


def test_a_square_larger_than_the_picture_repeats_its_edge():
    crop = crop_face(coordinates(100, 200), (0.0, 60.0, 100.0, 140.0), size=130)
    np.testing.assert_allclose(crop[0, :, 0][[0, 14, 116, 129]], (0, 0, 99, 99), atol=1)


@pytest.mark.parametrize(
    "box", [(5.0, 5.0, 5.0, 5.0), (9.0, 9.0, 3.0, 3.0), (-1e9, -1e9, 1e9, 1e9), (1e9, 1e9, 2e9, 2e9)]
)
def test_any_box_gives_a_picture_of_the_size(box):
    assert crop_face(coordinates(60, 40), box, size=32).shape == (32, 32, 3)


def test_the_scale_is_that_of_the_face_which_fits():
    other = replace(scaled(SEEN, 0.4), box=(10.0, 10.0, 40.0, 50.0), landmarks=LANDMARKS * 0.1)
    assert scale_to([other, scaled(SEEN, 0.32)], ENROLLED) == pytest.approx(0.32, abs=1e-6)


def test_no_scale_where_no_detection_fits():
    elsewhere = replace(SEEN, box=(20.0, 220.0, 80.0, 300.0), landmarks=LANDMARKS - np.float32([400, 0]))
    blind = replace(SEEN, landmarks=np.full((5, 2), np.nan, np.float32))
    assert scale_to([elsewhere, blind], ENROLLED) is None
    assert scale_to([], ENROLLED) is None
    assert scale_to([SEEN], replace(ENROLLED, box=None, landmarks=())) is None


def test_a_box_is_scaled_across_and_down():
    assert scaled_box((1.0, 2.0, 3.0, 4.0), 2, 10) == (2, 20, 6, 40)
