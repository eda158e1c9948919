"""The mean faces in the package, and the cards that rest on them."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from vultus.models.card import in_box_cards
from vultus.models.relative_calibration import LEAST_PEOPLE, WHOLE, read_mean_faces

CALIBRATED = [card for card in in_box_cards() if card.calibration and card.calibration.relative]


def members(card):
    return card.fused or ((card.id, 1.0),)


def test_each_mean_face_stands_for_enough_people():
    path = resources.files("vultus.models") / "mean_faces" / "mean-faces.npz"
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        assert arrays["people"].min() >= LEAST_PEOPLE
        assert len(arrays["people"]) == len(arrays["lifts"]) == len(arrays["kinds"]) == len(arrays["sface"])


def test_the_default_models_have_a_relative_calibration():
    assert {card.id for card in CALIBRATED} >= {"sface-facenet512-fused", "sface", "facenet512-casia-webface"}


@pytest.mark.parametrize("card", CALIBRATED, ids=lambda card: card.id)
def test_mean_faces_are_of_unit_length_and_tell_whole_from_damaged(card):
    faces = read_mean_faces(card.calibration.relative.mean_faces, members(card))
    assert faces.centroids.shape == (len(faces.lifts), card.output_dimension)
    assert np.allclose(np.linalg.norm(faces.centroids, axis=1), 1, atol=1e-3)
    assert np.isclose(np.linalg.norm(faces.child), 1, atol=1e-3)
    assert 0 < faces.damaged.sum() < len(faces.damaged)
    assert (faces.lifts[~faces.damaged] == 0).all()
    assert WHOLE == "whole"


@pytest.mark.parametrize("card", CALIBRATED, ids=lambda card: card.id)
def test_a_rarer_match_needs_a_higher_score_and_a_larger_gallery_no_lower_one(card):
    relative = card.calibration.relative
    assert relative.fmr[0].faces == 0
    for smaller, larger in zip(relative.fpir, relative.fpir[1:], strict=False):
        pairs = zip(smaller.thresholds, larger.thresholds, strict=True)
        assert all(after >= before for (_, before), (_, after) in pairs)
