from __future__ import annotations

import numpy as np

from vultus.records.seen import RGB, Face
from vultus.vision.whole_head import BORDER, GREY, with_border

PIXELS = np.zeros((100, 80, 3), np.uint8)
MARGIN = round(BORDER * 100)


def face(*box: float) -> Face:
    return Face(box, np.full((5, 2), box[:2], np.float32), 0.9)


class Recorder:
    """A detector that keeps what it was shown and answers always the same."""

    name = "recorder"

    def __init__(self, *faces: Face) -> None:
        self.faces, self.shown = list(faces), list[RGB]()

    def detect(self, pixels: RGB) -> list[Face]:
        self.shown.append(pixels)
        return self.faces


def test_an_ordinary_picture_is_not_detected_again():
    detector, found = Recorder(), [face(20, 20, 60, 70)]
    assert with_border(detector, PIXELS, found) is found
    assert detector.shown == []


def test_a_picture_that_is_nearly_all_face_is_seen_with_a_grey_border():
    detector = Recorder(face(MARGIN - 6.0, MARGIN - 4.0, 110, 130))
    (whole,) = with_border(detector, PIXELS, [face(2, 3, 78, 99)])
    assert whole.box == (-6, -4, 110 - MARGIN, 130 - MARGIN)  # in the picture itself, and beyond it
    assert whole.landmarks[0].tolist() == [-6, -4]
    (shown,) = detector.shown
    assert shown.shape == (100 + 2 * MARGIN, 80 + 2 * MARGIN, 3)
    assert (shown[MARGIN:-MARGIN, MARGIN:-MARGIN] == PIXELS).all()
    assert (shown[:MARGIN] == GREY).all()
    assert (shown[:, -MARGIN:] == GREY).all()


def test_a_picture_without_a_face_gets_a_border_too_and_a_face_that_only_fits_without_it_stays():
    assert len(with_border(Recorder(face(40, 40, 90, 90)), PIXELS, [])) == 1
    found = [face(2, 3, 78, 99)]
    assert with_border(Recorder(), PIXELS, found) is found
