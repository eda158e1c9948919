"""MTCNN (Zhang et al.: Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, 2016).

Three networks: P-Net proposes boxes on a pyramid, R-Net refines them, O-Net refines again and gives five landmarks.
O-Net alone also refines YuNet's faces: its landmarks move 2.4 % of the eye distance between scales, YuNet's 6.6 %.
The networks take pictures with x and y exchanged: (N, W, H, 3) RGB, (pixel - 127.5) / 128.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from vultus.records.seen import RGB, Face, Float32
from vultus.vision.detect import DETECTION_SIDE, suppress
from vultus.vision.image import shrink
from vultus.vision.session import Session

MIN_FACE = 20  # pixels, the side of the smallest face that is found
PYRAMID_STEP = 0.709  # sqrt(1/2): each level halves the area
CELL, STRIDE = 12, 2  # pixels: the window of P-Net and its step
PROPOSAL_SCORE, REFINE_SCORE, OUTPUT_SCORE = 0.6, 0.7, 0.7
MIN_LANDMARK_SCORE = 0.5  # below it O-Net sees no face in the box, and the detector's landmarks stay
MOST_ROLL = 20.0  # degrees: O-Net was trained on faces nearly level; a more tilted one is turned level for it
UPRIGHT_SIDE = 96  # pixels of such a window, two for each of O-Net's input
MAX_PROPOSALS = 2_000  # bounds the time and memory of one picture, whatever it shows


class ONet:
    """O-Net on its own: re-estimates the landmarks of faces that another detector found."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def refine(self, pixels: RGB, faces: list[Face]) -> list[Face]:
        """The faces with new landmarks where O-Net recognises a face in the box, the others doubted; boxes and scores
        stay."""
        squares = _squares(np.array([face.box for face in faces], np.float64))
        _, landmarks, score = self.run(pixels, squares)
        for i, face in enumerate(faces):
            roll = _roll(face.landmarks)
            if abs(roll) > MOST_ROLL:
                landmarks[i], score[i] = self._run_upright(pixels, squares[i], roll)
        return [
            _with_landmarks(face, landmarks[i]) if score[i] >= MIN_LANDMARK_SCORE else replace(face, doubted=True)
            for i, face in enumerate(faces)
        ]

    def _run_upright(self, pixels: RGB, square: np.ndarray, roll: float) -> tuple[Float32, float]:
        """Landmarks (5, 2) in pixels and face probability of a square (4,), turned by the roll of its face."""
        x_min, y_min, x_max, y_max = square
        scale, centre = UPRIGHT_SIDE / (x_max - x_min), ((x_min + x_max) / 2, (y_min + y_max) / 2)
        onto = cv2.getRotationMatrix2D(centre, roll, scale)
        onto[:, 2] += UPRIGHT_SIDE / 2 - np.array(centre)
        upright = cv2.warpAffine(pixels, onto, (UPRIGHT_SIDE, UPRIGHT_SIDE), flags=cv2.INTER_LINEAR)
        _, (landmarks,), (score,) = self.run(np.asarray(upright), np.array([[0.0, 0.0, UPRIGHT_SIDE, UPRIGHT_SIDE]]))
        back = cv2.invertAffineTransform(onto)
        return (landmarks @ back[:, :2].T + back[:, 2]).astype(np.float32), float(score)

    def run(self, pixels: RGB, squares: np.ndarray) -> tuple[np.ndarray, Float32, Float32]:
        """Box corrections (N, 4) in sides, landmarks (N, 5, 2) in pixels, face probability (N,) for squares (N, 4)."""
        correction, points, score = self._session.run(_windows(pixels, squares, 48))
        side = (squares[:, 2] - squares[:, 0])[:, None]
        landmarks = np.stack([squares[:, :1] + side * points[:, :5], squares[:, 1:2] + side * points[:, 5:]], axis=2)
        return correction, landmarks.astype(np.float32), score[:, 1]


def _roll(landmarks: Float32) -> float:
    """By how many degrees the eyes are turned clockwise from level; 0 where they are not known."""
    across, down = landmarks[1] - landmarks[0]
    return math.degrees(math.atan2(down, across)) if np.isfinite([across, down]).all() else 0.0


def _with_landmarks(face: Face, landmarks: Float32) -> Face:
    """The face with other landmarks, and how far they moved, mean, in eye distances."""
    eyes = max(float(np.hypot(*(landmarks[1] - landmarks[0]))), 1.0)
    shift = float(np.hypot(*(landmarks - face.landmarks).T).mean()) / eyes
    return Face(face.box, landmarks, face.score, landmark_shift=shift)


class MTCNN:
    """The detector: all three networks, one after the other."""

    name = "mtcnn"

    def __init__(self, pnet: Session, rnet: Session, onet: ONet, *, side: int = DETECTION_SIDE) -> None:
        self._pnet, self._rnet, self._onet, self._side = pnet, rnet, onet, side

    def detect(self, pixels: RGB) -> list[Face]:
        """Faces in the picture, best score first. pixels: (H, W, 3) uint8 RGB."""
        small, scale = shrink(pixels, self._side)
        boxes = self._propose(small)
        boxes = self._refine(small, boxes)
        return self._output(small, boxes, scale)

    def _propose(self, pixels: RGB) -> np.ndarray:
        """(n, 4) boxes that P-Net proposes on all levels of the pyramid."""
        found = [self._propose_at(pixels, scale) for scale in _pyramid(min(pixels.shape[:2]))]
        if not found:
            return np.empty((0, 4))
        boxes, scores = (np.concatenate(part) for part in zip(*found, strict=True))
        return boxes[suppress(boxes, scores, 0.7)[:MAX_PROPOSALS]]

    def _propose_at(self, pixels: RGB, scale: float) -> tuple[np.ndarray, np.ndarray]:
        size = (int(np.ceil(pixels.shape[1] * scale)), int(np.ceil(pixels.shape[0] * scale)))
        level = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        correction, probability = self._pnet.run(_normalised(level.transpose(1, 0, 2)[None]))
        columns, rows = np.nonzero(probability[0, :, :, 1] >= PROPOSAL_SCORE)  # x first, as the input
        corner = np.column_stack([columns, rows]) * STRIDE
        boxes = np.column_stack([corner, corner + CELL]) / scale
        boxes = boxes + correction[0, columns, rows] * (CELL / scale)
        scores = probability[0, columns, rows, 1]
        keep = suppress(boxes, scores, 0.5)
        return boxes[keep], scores[keep]

    def _refine(self, pixels: RGB, boxes: np.ndarray) -> np.ndarray:
        if not len(boxes):
            return boxes
        squares = _squares(boxes)
        correction, probability = self._rnet.run(_windows(pixels, squares, 24))
        keep = np.flatnonzero(probability[:, 1] >= REFINE_SCORE)
        boxes = _corrected(squares[keep], correction[keep])
        return boxes[suppress(boxes, probability[keep, 1], 0.7)]

    def _output(self, pixels: RGB, boxes: np.ndarray, scale: float) -> list[Face]:
        if not len(boxes):
            return []
        squares = _squares(boxes)
        correction, landmarks, score = self._onet.run(pixels, squares)
        keep = np.flatnonzero(score >= OUTPUT_SCORE)
        boxes = _corrected(squares[keep], correction[keep]) / scale
        chosen = suppress(boxes, score[keep], 0.7, of_smaller=True)
        return [
            Face(tuple(boxes[i].tolist()), landmarks[keep[i]] / np.float32(scale), float(score[keep[i]]))
            for i in chosen
        ]


def _pyramid(short_side: int) -> list[float]:
    """Scales at which a face of MIN_FACE pixels and more fills P-Net's window."""
    scales = []
    scale = CELL / MIN_FACE
    while short_side * scale >= CELL:
        scales.append(scale)
        scale *= PYRAMID_STEP
    return scales


def _normalised(windows: np.ndarray) -> Float32:
    return (windows.astype(np.float32) - np.float32(127.5)) / np.float32(128)


def _squares(boxes: np.ndarray) -> np.ndarray:
    """(n, 4) squares about the boxes' centres with their longer side."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.column_stack([centre - half, centre + half])


def _corrected(squares: np.ndarray, correction: np.ndarray) -> np.ndarray:
    side = (squares[:, 2] - squares[:, 0])[:, None]
    moved: np.ndarray = squares + correction * side
    return moved


def _windows(pixels: RGB, squares: np.ndarray, size: int) -> Float32:
    """(N, size, size, 3) float32: the squares cut out, black outside the picture, x before y."""
    out = np.empty((len(squares), size, size, 3), np.uint8)
    for i, (x0, y0, x1, y1) in enumerate(np.round(squares).astype(int)):
        window = _cut(pixels, x0, y0, max(x1, x0 + 1), max(y1, y0 + 1))
        smooth = cv2.INTER_AREA if window.shape[0] > size else cv2.INTER_LINEAR
        out[i] = cv2.resize(window, (size, size), interpolation=smooth).transpose(1, 0, 2)
    return _normalised(out)


def _cut(pixels: RGB, x0: int, y0: int, x1: int, y1: int) -> RGB:
    height, width = pixels.shape[:2]
    inside = pixels[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        return inside
    window = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    top, left = max(-y0, 0), max(-x0, 0)
    window[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return window
