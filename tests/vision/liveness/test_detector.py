"""The mean of the networks, each with its own crop."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.vision.liveness.detector import LIVE, LivenessDetector

PICTURE = np.random.default_rng(2).integers(0, 256, (300, 300, 3), np.uint8)


class Seen:
    """A network that keeps what it was given and answers one probability."""

    def __init__(self, live: float) -> None:
        self.live = live
        self.batch = np.empty(0)

    def run(self, batch):
        self.batch = batch
        answer = np.full((1, 3), (1 - self.live) / 2, np.float32)
        answer[0, LIVE] = self.live
        return [answer]


def test_the_score_is_the_mean_of_the_networks_of_crops_of_their_own():
    first, second = Seen(0.9), Seen(0.2)
    detector = LivenessDetector("made", [(first, 1.0), (second, 2.0)])
    assert detector.score(PICTURE, (110, 110, 190, 190)) == pytest.approx(0.55)
    assert (first.batch.shape, first.batch.dtype) == ((1, 3, 80, 80), np.float32)
    as_bgr = PICTURE[110:190, 110:190, ::-1].transpose(2, 0, 1)
    assert np.array_equal(first.batch[0], as_bgr)
    assert not np.array_equal(first.batch, second.batch)
