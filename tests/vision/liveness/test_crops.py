"""The crops with room around a face, and what they are where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.vision.liveness.crops import crop_around, room

WIDTH, HEIGHT = 200, 100
# Each pixel tells where it is: red its column, green its row.
ACROSS, DOWN = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
PICTURE = np.stack([ACROSS, DOWN, ACROSS * 0], axis=2).astype(np.uint8)


def cut(box, scale):
    """left, right, top, bottom of a crop, from its pixels; each within a pixel of the crop's grid."""
    crop = crop_around(PICTURE, box, scale=scale, side=80).astype(int)
    return crop[0, 0, 0], crop[0, -1, 0], crop[0, 0, 1], crop[-1, 0, 1]


@pytest.mark.parametrize(
    ("box", "scale", "expected"),
    [
        ((90, 40, 110, 60), 2.0, (80, 119, 30, 69)),  # about its centre
        ((0, 40, 20, 60), 2.0, (0, 39, 30, 69)),  # moved inside at the left
        ((180, 80, 200, 100), 2.0, (160, 199, 60, 99)),  # and at the lower right
        ((90, 30, 110, 70), 4.0, (75, 124, 0, 98)),  # made smaller: 2.475 times is all that is there
        ((-40, -40, 20, 20), 1.0, (0, 59, 0, 59)),  # a face that is cut by the edge
        ((50, 50, 50, 50), 1.0, (50, 50, 50, 50)),  # one of no size
    ],
)
def test_the_box_times_the_scale_is_cut_inside_of_the_picture(box, scale, expected):
    assert np.abs(np.array(cut(box, scale)) - expected).max() <= 1


def test_every_box_gives_a_crop():
    rng = np.random.default_rng(3)
    for box in rng.uniform(-300, 300, (200, 4)):
        x, y = np.sort(box[:2]), np.sort(box[2:])
        crop = crop_around(PICTURE, (x[0], y[0], x[1], y[1]), scale=float(rng.uniform(0.5, 5)), side=80)
        assert crop.shape == (80, 80, 3)


def test_the_room_is_that_of_the_narrower_side():
    assert room((90, 30, 110, 70), WIDTH, HEIGHT) == pytest.approx(99 / 40)
    assert room((0, 0, 100, 10), WIDTH, HEIGHT) == pytest.approx(199 / 100)
