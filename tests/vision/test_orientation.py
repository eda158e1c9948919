from __future__ import annotations

import numpy as np
import pytest

from vultus.records.seen import RGB, Face, Photograph
from vultus.vision.orientation import looks_upright, turn, turned, turned_face, upright_faces

LANDMARKS = np.array([[20, 10], [40, 10], [30, 20], [22, 30], [38, 30]], np.float32)
FACE = Face((10.0, 5.0, 50.0, 40.0), LANDMARKS, 0.95)


def marked(x: int, y: int) -> RGB:
    """A picture of 100x60 pixels with one white pixel."""
    pixels = np.zeros((60, 100, 3), np.uint8)
    pixels[y, x] = 255
    return pixels


class LandscapeDetector:
    """Sees a face where the white pixel is in the upper left quarter, and a doubtful one elsewhere."""

    name = "landscape"

    def __init__(self, doubtful: float) -> None:
        self.doubtful = doubtful

    def detect(self, pixels: RGB) -> list[Face]:
        y, x = np.argwhere(pixels[:, :, 0])[0]
        upright = x < pixels.shape[1] / 2 and y < pixels.shape[0] / 2
        score = 0.93 if upright else self.doubtful
        return [Face(FACE.box, FACE.landmarks, score)] if score else []


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_points_turn_with_the_pixels_and_back(rotation):
    face = Face((20.0, 7.0, 21.0, 8.0), np.full((5, 2), [20.5, 7.5], np.float32), 0.9)
    there = turned_face(face, rotation, 100, 60)
    y, x = np.argwhere(turn(marked(20, 7), rotation)[:, :, 0])[0]
    assert there.box == (x, y, x + 1, y + 1)
    assert there.landmarks.tolist() == [[x + 0.5, y + 0.5]] * 5
    size = (60, 100) if rotation != 180 else (100, 60)
    assert turned_face(there, -rotation, *size).box == face.box


def test_a_turned_photograph_has_the_size_of_the_turned_original():
    photograph = Photograph(marked(0, 0), 400, 240, reduction=4)
    aside = turned(photograph, 90)
    assert (aside.width, aside.height, aside.reduction) == (240, 400, 4)
    assert aside.pixels.shape == (100, 60, 3)
    assert turned(photograph, 0).pixels is photograph.pixels


@pytest.mark.parametrize("doubtful", [0, 0.8])
@pytest.mark.parametrize(("lies", "rotation"), [((90, 5), 270), ((90, 50), 180), ((5, 50), 90)])
def test_the_turn_with_the_best_face_is_found(doubtful, lies, rotation):
    detector = LandscapeDetector(doubtful)
    pixels = marked(*lies)
    faces, turns = upright_faces(detector, pixels, detector.detect(pixels))
    assert (turns, faces[0].score) == (rotation, 0.93)


def test_a_face_stays_where_no_turn_is_clearly_better():
    detector = LandscapeDetector(0.91)
    pixels = marked(90, 50)
    assert upright_faces(detector, pixels, detector.detect(pixels))[1] == 0
    assert upright_faces(LandscapeDetector(0), pixels[:, :50] * 0 + marked(90, 50)[:, 50:], [])[1] == 180


def test_a_low_score_or_a_second_network_s_doubt_is_worth_a_look_from_the_other_sides():
    assert looks_upright(FACE)
    assert not looks_upright(Face(FACE.box, LANDMARKS, 0.8))
    assert not looks_upright(Face(FACE.box, LANDMARKS, 0.95, doubted=True))
    assert not looks_upright(Face(FACE.box, LANDMARKS, 0.95, landmark_shift=0.5))
