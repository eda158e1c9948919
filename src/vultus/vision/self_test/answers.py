"""What a loaded model answers to drawn faces, and how well that agrees with what it must answer.

Wrong arithmetic raises no error: on x86 without VNNI 8-bit weights saturate, an emulated processor or a new version of
ONNX Runtime may compute anything. So each model answers to the same faces when it is loaded.
"""

from __future__ import annotations

import numpy as np

from vultus.records.seen import Float32
from vultus.vision.detect import Detector
from vultus.vision.embed import Embedder
from vultus.vision.liveness.detector import LivenessDetector
from vultus.vision.self_test.drawn_faces import as_detected, drawn_faces

NOT_FOUND = np.zeros(15, np.float32)  # in the place of a face that a detector does not find
SCORE_PIXELS = 40  # so many pixels of a box or a landmark weigh as much as all of the score


def recogniser_answers(embedder: Embedder) -> Float32:
    """(faces, D) float32: the network's raw outputs for the drawn faces. Raises ModelInvalid as `Embedder.raw`."""
    # One at a time: for a batch ONNX Runtime would keep more memory than requests of one face ever need (3 to 9 MiB).
    return np.concatenate([embedder.raw([embedder.crop(picture, as_detected())]) for picture in drawn_faces()])


def detector_answers(detector: Detector) -> Float32:
    """(faces, 15) float32: box, landmarks and score of the first face found in each drawn picture; zeros without."""
    rows = []
    for picture in drawn_faces():
        found = detector.detect(picture)
        face = found[0] if found else None
        rows.append(NOT_FOUND if face is None else np.array([*face.box, *face.landmarks.ravel(), face.score]))
    return np.array(rows, np.float32)


def liveness_answers(detector: LivenessDetector) -> Float32:
    """(faces, networks * classes) float32: the probabilities of each network for the face in each drawn picture."""
    box = as_detected().box
    return np.array([detector.probabilities(picture, box).ravel() for picture in drawn_faces()], np.float32)


def agreement(found: Float32, wanted: Float32) -> float:
    """1 - |found - wanted|^2 / (2 |wanted|^2) for the face where it is least: the cosine where lengths are equal.

    found, wanted: (faces, D). -1 where the shapes differ or a number is none.
    """
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return -1.0
    wide, exact = found.astype(np.float64), wanted.astype(np.float64)
    apart = ((wide - exact) ** 2).sum(axis=1) / (2 * (exact**2).sum(axis=1))
    return max(float(1 - apart.max()), -1.0)


def displacement(found: Float32, wanted: Float32) -> float:
    """Pixels by which the faces that a detector finds are apart from those wanted, at the point where it is most.

    found, wanted: as `detector_answers`. The difference of the scores, 0..1, counts as SCORE_PIXELS times as many.
    """
    apart = np.abs(found.astype(np.float64) - wanted)
    apart[:, -1] *= SCORE_PIXELS
    most = float(apart.max())
    return most if np.isfinite(most) else float("inf")
