"""Made attacks: the same for the same photo, of the photo's colours, and not the photo."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.made_attacks import ATTACKS, SIDE

from tests.pictures import drawn_photo, opened


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_photo_is_photographed_again(kind):
    photo = np.asarray(opened(drawn_photo(1)))
    made = ATTACKS[kind](photo, np.random.default_rng(1))
    assert (made.shape, made.dtype) == ((SIDE, SIDE, 3), np.uint8)
    assert np.array_equal(made, ATTACKS[kind](photo, np.random.default_rng(1)))
    assert not np.array_equal(made, ATTACKS[kind](photo, np.random.default_rng(2)))
    corners = made[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int)
    assert np.ptp(corners, axis=0).max() < 80  # the wall, in uneven light
    assert made[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4].std() > 10  # and the picture before it
