"""Pose and brightness of faces, on a head whose angles are known."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.records.seen import Face
from vultus.service.loose_faces.face_measures import HEAD, brightness, pose_of


def turned(roll: float, yaw: float, pitch: float) -> np.ndarray:
    """The landmarks, (5, 2), of HEAD turned by degrees and seen from afar: pitch first, then yaw, then roll."""
    (cr, cy, cp), (sr, sy, sp) = np.cos(np.radians([roll, yaw, pitch])), np.sin(np.radians([roll, yaw, pitch]))
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return ((about_z @ about_y @ about_x @ HEAD.T).T[:, :2] * 60 + 200).astype(np.float32)


@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (20, 0, 0), (0, 30, 0), (0, 0, 20), (15, 25, -10), (-40, -35, 15), (170, 0, 5)]
)
def test_the_angles_of_a_head_are_found(angles: tuple[float, float, float]) -> None:
    pose = pose_of(turned(*angles))
    assert pose is not None
    assert (pose.roll, pose.yaw, pose.pitch) == pytest.approx(angles, abs=0.01)


def test_a_nose_to_the_right_of_the_picture_is_a_positive_yaw_and_upwards_a_positive_pitch() -> None:
    right, up = turned(0, 30, 0), turned(0, 0, 30)
    assert right[2, 0] > right[:2, 0].mean()
    assert up[2, 1] - up[0, 1] < turned(0, 0, 0)[2, 1] - turned(0, 0, 0)[0, 1]


def test_no_pose_without_landmarks() -> None:
    assert pose_of(np.full((5, 2), np.nan, np.float32)) is None
    assert pose_of(np.full((5, 2), 7, np.float32)) is None


def test_brightness_is_that_of_the_box() -> None:
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[20:60, 20:60] = 255
    face = Face((20.0, 20.0, 60.0, 100.0), np.zeros((5, 2), np.float32), 0.9)
    assert brightness(pixels, face) == pytest.approx(50)
    assert brightness(pixels, Face((200.0, 200.0, 240.0, 240.0), face.landmarks, 0.9)) == 0
