"""The right way up: finds by which quarter turns the face of a picture stands upright, and turns pixels and faces."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from vultus.records.seen import RGB, Face, Photograph
from vultus.vision.detect import Detector, sure_faces

TILTS = (45, 135, 225, 315)  # degrees: between the turns, for heads that are tilted as much
GREY = (127, 127, 127)  # around a tilted picture
TURNS = (90, 180, 270)  # degrees clockwise: the ways in which a photo without its EXIF orientation may lie

# YuNet's score of an upright face is 0.93, below 0.905 on three photos of a hundred. Of a face that lies on its side or
# stands on its head it is 0.6 to 0.9; where it is more, O-Net mostly disagrees about the landmarks, or sees no face.
UPRIGHT_SCORE = 0.905
UPRIGHT_SHIFT = 0.25  # eye distances between the landmarks of the two: more than on 99 of 100 upright photos
CLEARLY = 0.03  # by how much a turned picture must have the better score; on LFW the right way up wins by 0.06 and more


def turn(pixels: RGB, rotation: int) -> RGB:
    """The (H, W, 3) picture turned clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, -rotation // 90)) if rotation % 360 else pixels


def turned(photograph: Photograph, rotation: int) -> Photograph:
    """The photograph turned clockwise by a multiple of 90 degrees; its width and height are those of the turned one."""
    width, height = photograph.width, photograph.height
    if rotation % 180:
        width, height = height, width
    return Photograph(turn(photograph.pixels, rotation), width, height, photograph.reduction)


def turned_face(face: Face, rotation: int, width: float, height: float) -> Face:
    """The face after its picture, `width` x `height` pixels, is turned clockwise by a multiple of 90 degrees."""
    ends = np.array([face.box[:2], face.box[2:]])
    (x_min, y_min), (x_max, y_max) = np.sort(_turned_points(ends, rotation, width, height), axis=0).tolist()
    landmarks = _turned_points(face.landmarks, rotation, width, height).astype(np.float32)
    return replace(face, box=(x_min, y_min, x_max, y_max), landmarks=landmarks)


def _turned_points(points: np.ndarray, rotation: int, width: float, height: float) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    match rotation % 360:
        case 90:
            return np.column_stack([height - y, x])
        case 180:
            return np.column_stack([width - x, height - y])
        case 270:
            return np.column_stack([y, width - x])
    return points


def looks_upright(face: Face) -> bool:
    """False for a face that may lie on its side or stand on its head, and is worth a look from the other sides.

    Detectors find such faces too, with the landmarks of an upright one: nothing after that is right.
    """
    return face.score >= UPRIGHT_SCORE and not face.doubted and (face.landmark_shift or 0.0) <= UPRIGHT_SHIFT


def upright_faces(detector: Detector, pixels: RGB, faces: list[Face]) -> tuple[list[Face], int]:
    """The faces of the picture or of one of its quarter turns, whichever has the best score, and that turn in degrees.

    faces: those of the picture as it is, best score first; they stay where no turn gives a clearly better one.
    """
    best, rotation = faces, 0
    for turns in TURNS:
        found = sure_faces(detector, turn(pixels, turns))
        if found and (not best or found[0].score > best[0].score + (0 if rotation else CLEARLY)):
            best, rotation = found, turns
    return best, rotation


def tilted_faces(detector: Detector, pixels: RGB, faces: list[Face]) -> list[Face]:
    """The faces as they are found with the picture tilted, where one has a clearly better score; else the given ones.

    Boxes and landmarks are in the picture as it is. faces: those found in it or in a turn of it, best score
    first. The alignment by landmarks turns such a face level, so no pixels are turned.
    """
    best = faces
    for degrees in TILTS:
        picture, onto = _tilted(pixels, degrees)
        found = sure_faces(detector, picture)
        if found and (not best or found[0].score > best[0].score + (0 if best is not faces else CLEARLY)):
            back = cv2.invertAffineTransform(onto)
            best = [_mapped(face, back) for face in found]
    return best


def _tilted(pixels: RGB, degrees: float) -> tuple[RGB, np.ndarray]:
    """The picture turned counterclockwise, whole, in a larger one; and the map of its points, (2, 3)."""
    height, width = pixels.shape[:2]
    side = math.ceil(math.hypot(width, height))
    onto = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    onto[:, 2] += [(side - width) / 2, (side - height) / 2]
    picture = cv2.warpAffine(pixels, onto, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=GREY)
    return np.asarray(picture), onto


def _mapped(face: Face, back: np.ndarray) -> Face:
    """The face with its landmarks mapped, and a box of its size about its middle mapped."""
    x_min, y_min, x_max, y_max = face.box
    x, y = back[:, :2] @ [(x_min + x_max) / 2, (y_min + y_max) / 2] + back[:, 2]
    across, down = face.width / 2, face.height / 2
    landmarks = (face.landmarks @ back[:, :2].T + back[:, 2]).astype(np.float32)
    return replace(face, box=(x - across, y - down, x + across, y + down), landmarks=landmarks)
