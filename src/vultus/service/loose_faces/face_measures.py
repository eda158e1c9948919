"""What can be measured of a face beside its quality: how bright it is, and which way the head is turned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vultus.records.seen import RGB, Face, Float32
from vultus.vision.detected_photo import DetectedPhoto

# A head that looks at the camera, in eye distances: x to the right of the picture, y down, z away from the camera. x
# and y are those of the landmarks to which faces are aligned (ArcFace's template, Deng et al., CVPR 2019); the tip of
# the nose is about 0.4 eye distances before the eyes and the corners of the mouth (Farkas, Anthropometry of the Head
# and Face, 1994: 63 mm between the pupils, about 25 mm).
HEAD = np.array(
    [[-0.5, -0.57, 0.4], [0.5, -0.57, 0.4], [0.0, 0.0, 0.0], [-0.415, 0.585, 0.37], [0.415, 0.585, 0.37]], np.float64
)


@dataclass(frozen=True)
class Pose:
    """Where a head is turned to, degrees. roll: clockwise; yaw: to the right of the picture; pitch: up."""

    roll: float
    yaw: float
    pitch: float


@dataclass(frozen=True)
class Measures:
    """brightness: mean luminance of the face, 0 black to 100 white. pose: None where the landmarks are not known."""

    brightness: float
    pose: Pose | None


def measures_of(detected: DetectedPhoto, face: Face) -> Measures:
    """The measures of a face of this photo, in the photo as it was sent."""
    photograph, near = detected.closer(face)
    return Measures(brightness(photograph.pixels, near), pose_of(detected.as_sent(face).landmarks))


def brightness(pixels: RGB, face: Face) -> float:
    """The mean luminance of the box of a face in (H, W, 3) uint8 RGB pixels, 0..100; 0 where it lies outside."""
    height, width = pixels.shape[:2]
    x_min, y_min, x_max, y_max = (round(edge) for edge in face.box)
    inside = pixels[max(y_min, 0) : min(y_max, height), max(x_min, 0) : min(x_max, width)]
    return float(cv2.cvtColor(inside, cv2.COLOR_RGB2GRAY).mean()) / 255 * 100 if inside.size else 0.0


def pose_of(landmarks: Float32) -> Pose | None:
    """The pose from five landmarks, (5, 2) pixels: the rotation of HEAD whose projection fits them best.

    Scaled orthography (DeMenthon and Davis, IJCV 15, 1995, section 2): the affine camera by least squares, its two rows
    made orthogonal. None where the landmarks are not finite or lie in one point.
    """
    points = landmarks.astype(np.float64)
    if not np.isfinite(points).all() or np.ptp(points, axis=0).max() < 1e-3:
        return None
    head = HEAD - HEAD.mean(axis=0)
    camera = (np.linalg.pinv(head) @ (points - points.mean(axis=0))).T  # (2, 3)
    left, scales, right = np.linalg.svd(camera, full_matrices=False)
    if scales[1] < 1e-9:
        return None
    across, down = left @ right
    ahead = np.cross(across, down)
    # R = roll about z times yaw about y times pitch about x
    yaw = math.asin(float(np.clip(ahead[0], -1, 1)))
    pitch = math.atan2(-float(ahead[1]), float(ahead[2]))
    roll = math.atan2(float(down[0]), float(across[0]))
    return Pose(math.degrees(roll), math.degrees(yaw), math.degrees(pitch))
