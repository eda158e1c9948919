from __future__ import annotations

import cv2
import numpy as np
import pytest

from vultus.errors import NoFaceDetected
from vultus.records.seen import Face, Photograph, Quality
from vultus.vision.detected_photo import DetectedPhoto, whole_picture
from vultus.vision.face_selection import by_prominence, central_face, choice_of

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


@pytest.fixture(scope="module")
def noise():
    """A sharp picture, 200x100."""
    return np.random.default_rng(3).integers(0, 256, (100, 200, 3)).astype(np.uint8)


def test_the_larger_of_two_whole_sharp_faces_is_the_most_prominent(noise):
    small, large = face(140, 50, 20), face(60, 50, 30)
    assert by_prominence([small, large], noise) == [large, small]


def test_a_larger_face_that_is_blurred_comes_second(noise):
    noise = noise.copy()
    noise[:, :100] = cv2.GaussianBlur(noise[:, :100], (0, 0), 8)
    sharp, blurred = face(140, 50, 30), face(60, 50, 40)
    assert by_prominence([blurred, sharp], noise) == [sharp, blurred]


def test_a_larger_face_that_is_cut_off_comes_second(noise):
    whole, cut = face(100, 50, 30), face(0, 50, 50)
    assert by_prominence([cut, whole], noise) == [whole, cut]


def test_a_larger_face_in_the_corner_comes_second_and_a_much_larger_one_does_not(noise):
    central, corner = face(100, 50, 20), face(15, 15, 23)
    assert by_prominence([corner, central], noise) == [central, corner]
    assert by_prominence([face(100, 50, 10), corner], noise)[0] is corner


def test_how_a_face_was_chosen_is_said_as_it_is():
    large, small = face(60, 50, 40), face(140, 50, 30)
    assert choice_of(detected(large), large, ()).note is None
    assert choice_of(detected(large, small), large, ()).note == "largest of 2"
    assert choice_of(detected(small, large), small, ()).sentence.startswith("most prominent of 2: a larger face is")
    whole = whole_picture(PHOTO.pixels)
    assert (choice_of(detected(), whole, ()).rule, choice_of(detected(), whole, ()).index) == ("whole_image", None)


def test_the_other_faces_are_listed_with_their_prominence_in_pixels_of_the_photo_as_sent():
    large, small = face(100, 50, 20), face(100, 50, 10)  # in the same place: a quarter of the area
    photo = DetectedPhoto(PHOTO, (large, small), "frames", left_out=3)
    choice = choice_of(photo, large, [(small, Quality(40.0, {}))])
    assert (choice.found, choice.rule, choice.index, choice.left_out) == (5, "largest", 0, 3)
    (other,) = choice.others
    assert other.face.box == (190, 90, 210, 110)  # twice (95, 45, 105, 55)
    assert other.prominence == 0.25  # both are as far from sharp
