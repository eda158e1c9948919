"""Face detection: what a detector is, and YuNet."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import RGB, Face, Float32
from vultus.vision.image import shrink
from vultus.vision.session import Session

DETECTION_SIDE = 640  # pixels: YuNet was trained on faces of 10..300 px, so large pictures are shrunk to this long side
MIN_SCORE = 0.6  # sqrt(class * objectness) of an anchor, 0..1; lower ones are dropped
MAX_OVERLAP = 0.3  # intersection over union above which two boxes are one face
SURE_SCORE = 0.8  # a face that is seen only in a turned or bordered picture must be sure; patterns score 0.6 to 0.75
STRIDES = (8, 16, 32)  # pixels between anchors of YuNet's three levels
ROW = 15  # numbers of one anchor: see `_decode_level`
ALIGNMENT = 32  # pixels: the picture is padded to a multiple of the largest stride

# Detectors that clients of DeepFace name (deepface/modules/modeling.py, MIT) and the default one answers for. "skip" is
# none of them: it means no detection, which is enforce_detection=false of a photo without a face, or a crop.
STOOD_IN_FOR = (
    *("opencv", "retinaface", "ssd", "dlib", "mediapipe", "fastmtcnn", "centerface", "yolov8"),
    *(f"{family}{size}" for family in ("yolov8", "yolov11", "yolov12") for size in "nsml"),
)


class Detector(Protocol):
    """Finds faces in (H, W, 3) uint8 RGB; boxes and landmarks in its pixels, best score first."""

    name: str

    def detect(self, pixels: RGB) -> list[Face]: ...


def sure_faces(detector: Detector, pixels: RGB) -> list[Face]:
    """The faces of a picture about which there is no doubt, best score first."""
    return [face for face in detector.detect(pixels) if face.score >= SURE_SCORE and not face.doubted]


class LandmarkRefiner(Protocol):
    """Estimates the five landmarks of detected faces again."""

    def refine(self, pixels: RGB, faces: list[Face]) -> list[Face]: ...


class YuNet:
    """YuNet (Wu, Peng, Yu: Machine Intelligence Research 20, 2023): an anchor-free detector with five landmarks.

    Decoding as in OpenCV's FaceDetectorYN (Apache-2.0): score = sqrt(class * objectness), box centre and landmarks are
    offsets from the anchor in strides, box sides are exponents.
    """

    name = "yunet"

    def __init__(self, session: Session, *, refiner: LandmarkRefiner | None = None, side: int = DETECTION_SIDE) -> None:
        """side: pixels, a larger picture is shrunk to this long side. refiner: re-estimates the landmarks."""
        self._session = session
        self._refiner = refiner
        self._side = side

    def detect(self, pixels: RGB) -> list[Face]:
        """Faces in the picture, best score first. pixels: (H, W, 3) uint8 RGB."""
        small, scale = shrink(pixels, self._side)
        outputs = dict(zip(self._session.output_names, self._session.run(_padded_bgr(small)), strict=True))
        columns = -(-small.shape[1] // ALIGNMENT) * ALIGNMENT  # of the padded picture, which the anchors cover
        rows = np.concatenate([_decode_level(outputs, stride, columns // stride) for stride in STRIDES])
        faces = [_face(rows[i], scale) for i in suppress(rows[:, :4], rows[:, 14], MAX_OVERLAP)]
        return self._refiner.refine(pixels, faces) if self._refiner and faces else faces


def _padded_bgr(pixels: RGB) -> Float32:
    """(1, 3, H, W) float32 BGR 0..255, black below and to the right up to a multiple of ALIGNMENT."""
    height, width = pixels.shape[:2]
    shape = (1, 3, -(-height // ALIGNMENT) * ALIGNMENT, -(-width // ALIGNMENT) * ALIGNMENT)
    padded = np.empty(shape, np.float32)  # only the margin is cleared: the rest is overwritten
    padded[0, :, height:], padded[0, :, :height, width:] = 0, 0
    for channel, plane in enumerate(reversed(cv2.split(pixels))):
        padded[0, channel, :height, :width] = plane
    return padded


def _decode_level(outputs: dict[str, Float32], stride: int, columns: int) -> Float32:
    """(n, ROW) x_min, y_min, x_max, y_max, five (x, y), score: the anchors of one level at or above MIN_SCORE."""
    # Clipped as in OpenCV: the outputs may lie a little outside 0..1.
    score = np.sqrt(np.clip(outputs[f"cls_{stride}"][0, :, 0], 0, 1) * np.clip(outputs[f"obj_{stride}"][0, :, 0], 0, 1))
    keep = np.flatnonzero(score >= MIN_SCORE)
    if not keep.size:  # most levels of most photos: half the time of decoding
        return np.empty((0, ROW), np.float32)
    anchor = np.column_stack([keep % columns, keep // columns]).astype(np.float32)
    box = outputs[f"bbox_{stride}"][0, keep]
    centre, half = (anchor + box[:, :2]) * stride, np.exp(box[:, 2:]) * stride / 2
    points = (outputs[f"kps_{stride}"][0, keep].reshape(-1, 5, 2) + anchor[:, None]) * stride
    return np.column_stack([centre - half, centre + half, points.reshape(-1, 10), score[keep]])


def _face(row: Float32, scale: float) -> Face:
    """A row of `_decode_level` in the pixels of the full picture."""
    x_min, y_min, x_max, y_max = (float(value / scale) for value in row[:4])
    return Face((x_min, y_min, x_max, y_max), (row[4:14] / scale).reshape(5, 2).astype(np.float32), float(row[14]))


def suppress(
    boxes: NDArray[np.floating], scores: Float32, max_overlap: float, *, of_smaller: bool = False
) -> list[int]:
    """Greedy non-maximum suppression: the indices of the boxes that are kept, best first.

    boxes: (N, 4); scores: (N,). of_smaller: overlap counts as a share of the smaller box, not of the union.
    """
    kept: list[int] = []
    area = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    order = np.argsort(-scores, kind="stable")
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        low, high = np.maximum(boxes[best, :2], boxes[rest, :2]), np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        whole = np.minimum(area[best], area[rest]) if of_smaller else area[best] + area[rest] - shared
        order = rest[shared <= max_overlap * whole]
    return kept
