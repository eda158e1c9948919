import numpy as np
import pytest

from tests.pictures import drawn_photo, encoded, opened
from vultus.records.seen import Face, Photograph
from vultus.vision.decoding.decode import decode
from vultus.vision.detected_photo import CLOSEST_SIDE, FACE_SIDE, DetectedPhoto, whole_picture


class Camera:
    """A photo of width x height that can be decoded to a whole fraction of its size."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height, self.asked = width, height, []

    def decode(self, side: int) -> Photograph:
        self.asked.append(side)
        factor = max(f for f in (1, 2, 4, 8) if max(self.width, self.height) // f >= side or f == 1)
        pixels = np.zeros((self.height // factor, self.width // factor, 3), np.uint8)
        return Photograph(pixels, self.width, self.height, float(factor))

    def detected(self, side: int, *faces: Face) -> DetectedPhoto:
        seen = self.decode(side)
        self.asked.clear()
        return DetectedPhoto(seen, faces, "frames", self.decode)


def face(x: float, y: float, side: float) -> Face:
    return Face((x, y, x + side, y + side), np.array([[x, y]] * 5, np.float32), 0.9)


def test_a_face_of_enough_pixels_is_seen_as_it_is():
    camera, large = Camera(1600, 1200), face(10, 20, FACE_SIDE)
    detected = camera.detected(640, large)
    assert detected.closer(large) == (detected.photograph, large)
    assert camera.asked == []


def test_a_small_face_is_decoded_again_with_the_pixels_that_the_models_use():
    camera, small = Camera(4000, 3000), face(10, 20, FACE_SIDE / 2)
    detected = camera.detected(1000, small)
    photograph, near = detected.closer(small)
    assert photograph.pixels.shape == (1500, 2000, 3)
    assert near.box == pytest.approx((20, 40, 20 + FACE_SIDE, 40 + FACE_SIDE))
    np.testing.assert_allclose(near.landmarks, small.landmarks * 2)


def test_a_photo_is_decoded_again_once_for_all_its_small_faces():
    faces = [face(x, 5, 50) for x in (0, 60, 120)]
    camera = Camera(4000, 3000)
    detected = camera.detected(1000, *faces)
    assert len({id(detected.closer(each)[0]) for each in faces}) == 1
    assert len(camera.asked) == 1


def test_a_tiny_face_in_a_vast_photo_costs_no_vast_memory():
    tiny, camera = face(3, 3, 8), Camera(16_000, 12_000)
    photograph, _ = camera.detected(1000, tiny).closer(tiny)
    assert CLOSEST_SIDE <= max(photograph.pixels.shape) < 2 * CLOSEST_SIDE


def test_a_photo_at_full_size_has_no_more_to_see():
    camera, small = Camera(640, 480), face(3, 3, 20)
    assert camera.detected(640, small).closer(small)[1] is small
    assert camera.asked == []


def test_the_whole_picture_in_the_pixels_of_the_original():
    detected = Camera(4000, 3000).detected(1000)
    assert detected.upright(whole_picture(detected.photograph.pixels)).box == (0, 0, 4000, 3000)


def test_a_real_jpeg_decoded_again_shows_the_same_place():
    data = encoded(opened(drawn_photo(1)).resize((3200, 3200)), "JPEG")
    coarse, fine = decode(data, reduced_side=400), decode(data, reduced_side=1600)
    detected = DetectedPhoto(coarse, (), "frames", lambda side: decode(data, reduced_side=side))
    photograph, near = detected.closer(face(150, 150, FACE_SIDE / 4))
    assert photograph.pixels.shape == fine.pixels.shape
    assert near.box == (600, 600, 600 + FACE_SIDE, 600 + FACE_SIDE)
