"""MiniFASNet: networks that each see a face with another amount of room around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vultus.records.seen import RGB, Box, Float32
from vultus.vision.liveness.crops import crop_around
from vultus.vision.session import Session

SIDE = 80  # pixels of the networks' input
LIVE = 1  # the place of "live" among the classes; 0 and 2 are pictures on paper and on screens


class LivenessDetector:
    """Scores whether faces are live. Safe to use from several threads."""

    def __init__(self, model_id: str, networks: Sequence[tuple[Session, float]]) -> None:
        """networks: each with the factor by which its crop is larger than the face's box."""
        self.model_id = model_id
        self._networks = tuple(networks)
        self.box_scales = tuple(scale for _, scale in self._networks)

    def score(self, pixels: RGB, box: Box) -> float:
        """The probability of "live", 0..1, the mean over the networks. pixels: (H, W, 3) uint8 RGB."""
        return float(self.probabilities(pixels, box)[:, LIVE].mean())

    def probabilities(self, pixels: RGB, box: Box) -> Float32:
        """(networks, classes) float32: of each network, of each class. pixels: (H, W, 3) uint8 RGB."""
        answers = [_answer(network, pixels, box, scale) for network, scale in self._networks]
        return np.concatenate(answers)


def _answer(network: Session, pixels: RGB, box: Box, scale: float) -> Float32:
    (probabilities,) = network.run(_batch(crop_around(pixels, box, scale=scale, side=SIDE)))
    return np.asarray(probabilities, np.float32)


def _batch(crop: RGB) -> Float32:
    """(1, 3, SIDE, SIDE) float32 BGR, 0..255."""
    return np.ascontiguousarray(crop[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
