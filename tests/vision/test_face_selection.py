from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import NoFaceDetected
from vultus.records.seen import Face, Photograph
from vultus.vision.detected_photo import DetectedPhoto
from vultus.vision.face_selection import central_face

PHOTO = Photograph(np.zeros((100, 200, 3), np.uint8), 400, 200, reduction=2)


def face(x: float, y: float, side: float) -> Face:
    """A square face about a point."""
    half = side / 2
    return Face((x - half, y - half, x + half, y + half), np.zeros((5, 2), np.float32), 0.9)


def detected(*faces: Face) -> DetectedPhoto:
    return DetectedPhoto(PHOTO, faces, "frames")


def test_the_face_nearest_to_the_middle_of_the_decoded_photo_is_meant():
    small = face(105, 50, 10)  # the middle is (100, 50)
    assert central_face(detected(face(40, 50, 60), small, face(130, 50, 5))) is small


def test_of_two_as_near_the_larger_is_meant():
    large, small = face(90, 50, 20), face(110, 50, 10)
    assert central_face(detected(large, small)) is large


def test_a_photo_without_a_face_is_refused():
    with pytest.raises(NoFaceDetected, match="400x200 px"):
        central_face(detected())
