"""The SFace card against OpenCV's own FaceRecognizerSF, which defines how this network is fed."""

import cv2
import numpy as np
import pytest

from tests import pictures
from vultus.models.card import find_card, in_box_cards
from vultus.models.repository.store import ModelStore
from vultus.vision.embed import Embedder
from vultus.vision.session import Session

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    card = find_card(in_box_cards(), "SFace")
    return ModelStore(tmp_path_factory.mktemp("models"), [card]).prepare(card)["embedding"]


@pytest.fixture(scope="module")
def sface(network):
    card = find_card(in_box_cards(), "SFace")
    session, dimension = Session(network), card.output_dimension
    return Embedder(session, model_id=card.id, input_rule=card.input, crop_rule=card.crop, dimension=dimension)


@pytest.fixture(scope="module")
def opencv(network):
    return cv2.FaceRecognizerSF.create(str(network), "")


def seen(real, photo):
    """The picture and its first face."""
    detected = real.pipeline.detect(photo)
    return detected.photograph.pixels, detected.faces[0]


@pytest.mark.parametrize("photo", [pictures.astronaut, pictures.group])
def test_crop_and_embedding_equal_those_of_opencv(real, sface, opencv, photo):
    pixels, face = seen(real, photo())
    row = np.concatenate([face.box, face.landmarks.ravel(), [face.score]]).astype(np.float32)[None]
    crop = sface.crop(pixels, face)
    theirs = opencv.alignCrop(np.ascontiguousarray(pixels[..., ::-1]), row)
    assert np.abs(crop[..., ::-1].astype(int) - theirs).mean() < 1.0  # grey levels: rounding, and the border
    embedding = opencv.feature(np.ascontiguousarray(crop[..., ::-1]))[0]
    assert pictures.cosine(sface.embed([crop])[0], embedding / np.linalg.norm(embedding)) > 0.99999


def test_mated_and_non_mated_photos_are_told_apart(real, sface):
    astronaut, actor = pictures.astronaut(), pictures.portrait()
    smaller = pictures.variants(astronaut).values()
    crops = [sface.crop(*seen(real, photo)) for photo in (astronaut, actor, *smaller)]
    first, other, *same = sface.embed(crops)
    assert pictures.cosine(first, other) < 0.3
    assert all(pictures.cosine(first, embedding) > 0.7 for embedding in same)
