import cv2
import numpy as np
import pytest

from tests import pictures
from vultus.records.seen import Face
from vultus.vision.quality import QUALITY_VERSION, assess, with_recognisability

# The astronaut's face, as the detector finds it in the 512x512 picture.
FACE = Face(
    (178.0, 62.6, 268.4, 176.4),
    np.array([[204.6, 100.4], [247.4, 103.4], [225.6, 128.6], [201.4, 139.1], [245.3, 141.8]], np.float32),
    0.93,
)


@pytest.fixture(scope="module")
def pixels():
    return np.asarray(pictures.opened(pictures.astronaut()))


def test_a_good_photo_scores_high_in_every_part(pixels):
    quality = assess(pixels, FACE)
    assert quality.score > 90
    assert min(quality.parts.values()) > 75


@pytest.mark.parametrize(
    ("worse", "part"),
    [
        (lambda p: cv2.GaussianBlur(p, (31, 31), 8), "sharpness"),
        (lambda p: (p * 0.1).astype(np.uint8), "brightness"),
        (lambda p: (p * 0.05 + 120).astype(np.uint8), "contrast"),
    ],
)
def test_what_is_wrong_is_named(pixels, worse, part):
    good, bad = assess(pixels, FACE), assess(worse(pixels), FACE)
    assert bad.score < good.score
    assert bad.parts[part] == min(bad.parts.values())


def test_a_profile_a_cut_face_and_a_small_face_are_named(pixels):
    aside = FACE.landmarks.copy()
    aside[2, 0] += 25  # the nose far to the right of the middle of the eyes
    assert assess(pixels, Face(FACE.box, aside, 0.93)).parts["pose"] < 50
    shifted = Face((-60.0, 62.6, 30.4, 176.4), FACE.landmarks, 0.93)
    assert assess(pixels, shifted).parts["crop"] == 0
    tiny = Face((200.0, 100.0, 215.0, 115.0), FACE.landmarks, 0.93)
    assert assess(pixels, tiny).parts["size"] == 0


def test_the_rule_has_not_changed_without_its_version(pixels):
    """Scores of two versions do not compare: with new numbers here goes a new QUALITY_VERSION."""
    seen = Face(FACE.box, FACE.landmarks, 0.8, landmark_shift=0.2)
    blurred = cv2.GaussianBlur((pixels * 0.4).astype(np.uint8), (5, 5), 1)
    quality = with_recognisability(assess(blurred, seen, reduction=0.5), 60.0)
    assert quality.version == QUALITY_VERSION == 2
    parts = {"size": 31.1, "sharpness": 35.8, "brightness": 78.6, "contrast": 80.2, "pose": 100, "crop": 100}
    parts |= {"detector": 69.8, "landmarks": 55.6, "recognisability": 60}
    parts |= {"resolution": 94.2, "noise": 100.0, "exposure": 100.0, "inside": 100.0}
    assert quality.parts == pytest.approx(parts, abs=0.3)
    assert quality.score == pytest.approx(68.2, abs=0.3)


def test_one_part_at_zero_means_zero(pixels):
    assert assess(pixels, Face((200.0, 100.0, 215.0, 115.0), FACE.landmarks, 0.93)).score == 0


def test_size_counts_in_pixels_of_the_original(pixels):
    small = Face((200.0, 100.0, 230.0, 130.0), FACE.landmarks, 0.93)
    assert assess(pixels, small, reduction=4.0).parts["size"] > assess(pixels, small).parts["size"]


def test_landmarks_on_which_two_networks_differ_count_against_the_photo(pixels):
    steady, unsteady = (
        assess(pixels, Face(FACE.box, FACE.landmarks, FACE.score, landmark_shift=shift)) for shift in (0.05, 0.3)
    )
    assert steady.parts["landmarks"] == 100
    assert unsteady.parts["landmarks"] == pytest.approx(18.5, abs=0.1)  # (0.35 - 0.30) / (0.35 - 0.08)
    assert unsteady.score < steady.score
    assert "landmarks" not in assess(pixels, FACE).parts


def test_what_the_network_says_is_part_of_the_quality_where_it_says_it(pixels):
    quality = assess(pixels, FACE)
    assert with_recognisability(quality, None) is quality
    assert with_recognisability(quality, 10.0).score < quality.score < with_recognisability(quality, 100.0).score
    assert with_recognisability(quality, 0.0).score == 0


def test_a_face_without_landmarks_has_no_pose(pixels):
    assert assess(pixels, Face(FACE.box, np.full((5, 2), np.nan, np.float32), 0.0)).parts["pose"] == 0
