import numpy as np
import pytest

from vultus.vision.detect import suppress
from vultus.vision.image import shrink


def test_a_picture_is_shrunk_to_the_side_and_never_enlarged():
    small, scale = shrink(np.zeros((960, 1280, 3), np.uint8), 640)
    assert (small.shape, scale) == ((480, 640, 3), 0.5)
    same, scale = shrink(np.zeros((100, 200, 3), np.uint8), 640)
    assert (same.shape, scale) == ((100, 200, 3), 1.0)


def test_a_large_picture_is_averaged_by_a_whole_factor_first():
    """1633 x 1225 to 640: by 2 to 816 x 612, then to 640 x 480; 640 / 816 / 2 of the original."""
    checks = (np.indices((1225, 1633)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small, scale = shrink(np.dstack([checks] * 3), 640)
    assert small.shape == (480, 640, 3)
    assert scale == pytest.approx(640 / 816 / 2)
    assert abs(float(small.mean()) - 127.5) < 2
    assert float(small.std()) < 2


BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [2, 2, 6, 6]], float)
SCORES = np.array([0.8, 0.9, 0.7, 0.6], np.float32)


def test_of_overlapping_boxes_the_best_stays():
    """Boxes 0 and 1 share 90 of 100: 0.9 over the union; box 3 shares 16 of 90 with box 1: 0.18."""
    assert suppress(BOXES, SCORES, 0.3) == [1, 2, 3]


def test_a_box_inside_another_goes_when_the_smaller_counts():
    assert suppress(BOXES, SCORES, 0.3, of_smaller=True) == [1, 2]


def test_no_boxes_leave_none():
    assert suppress(np.empty((0, 4)), np.empty(0, np.float32), 0.3) == []
