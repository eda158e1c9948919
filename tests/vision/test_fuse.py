import numpy as np
import pytest

from tests.pictures import cosine
from tests.standins import SIDE, TEMPLATE, write_tiny_network
from vultus.records.seen import CropRule, Face, InputRule
from vultus.vision.embed import Embedder
from vultus.vision.fuse import FusedEmbedder
from vultus.vision.session import Session


def member(path, dimension: int, seed: int, channels: str = "RGB") -> Embedder:
    write_tiny_network(path, dimension=dimension, seed=seed)
    rule = InputRule(SIDE, SIDE, channels, "NCHW", 127.5, 128.0)
    return Embedder(
        Session(path), model_id=path.stem, input_rule=rule, crop_rule=CropRule(TEMPLATE), dimension=dimension
    )


@pytest.fixture
def members(tmp_path):
    return member(tmp_path / "a.onnx", 32, 1), member(tmp_path / "b.onnx", 16, 2, "BGR")


def test_the_cosine_is_the_weighted_mean_of_the_members(members):
    fused = FusedEmbedder([(members[0], 0.7), (members[1], 0.3)], model_id="fused")
    pictures = [np.random.default_rng(i).integers(0, 256, (90, 90, 3)).astype(np.uint8) for i in range(2)]
    landmarks = np.array(TEMPLATE, np.float32) * 2 + 10
    face = Face((10, 10, 80, 80), landmarks, 0.9)
    vectors = fused.embed([fused.crop(picture, face) for picture in pictures])
    assert vectors.shape == (2, 48)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    each = [cosine(*model.embed([model.crop(picture, face) for picture in pictures])) for model in members]
    assert cosine(*vectors) == pytest.approx(0.7 * each[0] + 0.3 * each[1], abs=1e-5)


def test_an_older_version_crops_as_its_members_did(members):
    fused = FusedEmbedder([(members[0], 0.7), (members[1], 0.3)], model_id="fused")
    picture = np.full((90, 90, 3), 200, np.uint8)
    face = Face((-20, -20, 30, 30), np.array(TEMPLATE, np.float32) - 10, 0.9)
    assert [crop.min() for crop in fused.crop(picture, face)] == [127, 127]
    assert [crop.min() for crop in fused.at_version(1).crop(picture, face)] == [200, 200]
    assert [crop.min() for crop in fused.crop(picture, face)] == [127, 127]


def test_no_faces_give_no_embeddings_and_a_blank_can_be_embedded(members):
    fused = FusedEmbedder([(members[0], 0.5), (members[1], 0.5)], model_id="fused")
    assert fused.embed([]).shape == (0, 48)
    assert fused.embed([fused.blank()]).shape == (1, 48)


def test_the_first_member_that_tells_gives_the_recognisability(members, tmp_path):
    silent, _ = members
    rule = InputRule(SIDE, SIDE, "RGB", "NCHW", 127.5, 128.0)
    telling = Embedder(
        Session(tmp_path / "b.onnx"),
        model_id="b",
        input_rule=rule,
        crop_rule=CropRule(TEMPLATE),
        dimension=16,
        norm_range=(0.0, 1e9),
    )
    fused = FusedEmbedder([(silent, 0.5), (telling, 0.5)], model_id="fused")
    (told,) = fused.embed_with_recognisability([fused.blank()])[1]
    assert told == pytest.approx(0, abs=1e-3)
    assert FusedEmbedder([(silent, 0.5), (silent, 0.5)], model_id="f").embed_with_recognisability([fused.blank()])[
        1
    ] == [None]
