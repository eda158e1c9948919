import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.standins import SIDE, TEMPLATE, write_tiny_network
from vultus.errors import ModelInvalid
from vultus.records.seen import CropRule, InputRule
from vultus.vision.embed import Embedder, whiten
from vultus.vision.session import Session


def embedder(path, *, dimension=32, channels="RGB", layout="NCHW", mean=127.5, scale=128.0, per_image=False, **given):
    rule = InputRule(SIDE, SIDE, channels, layout, mean, scale, per_image)
    given = {"model_id": "tiny", "input_rule": rule, "crop_rule": CropRule(TEMPLATE), "dimension": dimension, **given}
    return Embedder(Session(path), **given)


def test_embeddings_have_unit_length_and_the_same_crop_the_same_embedding(tmp_path):
    model = embedder(write_tiny_network(tmp_path / "tiny.onnx"))
    crops = [np.random.default_rng(i).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8) for i in (1, 2, 1)]
    vectors = model.embed(crops)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert float(vectors[0] @ vectors[1]) < 0.9


def test_no_crops_give_no_embeddings(tmp_path):
    assert embedder(write_tiny_network(tmp_path / "tiny.onnx")).embed([]).shape == (0, 32)


def test_input_follows_the_card(tmp_path):
    """A crop of (R, G, B) = (255, 0, 128): (255 - 127.5) / 128 = 0.99609375 and so on, B first for BGR."""
    path = write_tiny_network(tmp_path / "tiny.onnx")
    crop = np.full((SIDE, SIDE, 3), (255, 0, 128), np.uint8)
    rgb = embedder(path).prepare([crop])
    assert rgb.shape == (1, 3, SIDE, SIDE)
    assert rgb[0, :, 0, 0].tolist() == [0.99609375, -0.99609375, 0.00390625]
    bgr = embedder(path, channels="BGR", layout="NHWC", mean=0.0, scale=1.0).prepare([crop])
    assert bgr[0, 0, 0].tolist() == [128.0, 0.0, 255.0]


def test_whitening_takes_mean_and_deviation_of_each_image():
    """One pixel (0, 3, 6): mean 3, variance (9 + 0 + 9) / 3 = 6. Another (10, 10, 40): mean 20, variance 200."""
    batch = np.array([[[[0, 3, 6]]], [[[10, 10, 40]]]], np.float32)
    expected = np.array([[-3, 0, 3], [-10, -10, 20]]) / np.sqrt([[6], [200]])
    np.testing.assert_allclose(whiten(batch)[:, 0, 0], expected, rtol=1e-6)


def test_whitening_divides_by_no_less_than_one_over_the_root_of_the_size():
    """Two pixels, 6 numbers, floor 1 / sqrt(6) = 0.408. One 0.6 among zeros: mean 0.1, deviation sqrt(0.05) = 0.224."""
    batch = np.zeros((2, 1, 2, 3), np.float32)
    batch[1, 0, 0, 0] = 0.6
    white = whiten(batch)
    assert not white[0].any()
    np.testing.assert_allclose(white[1].ravel(), np.array([0.5, -0.1, -0.1, -0.1, -0.1, -0.1]) * 6**0.5, rtol=1e-6)


def test_input_of_a_per_image_card_is_whitened_in_its_order_and_layout(tmp_path):
    """A crop of (0, 3, 6) all over: mean 3, variance 6, blue first for BGR; the card's mean and scale play no part."""
    path = write_tiny_network(tmp_path / "tiny.onnx")
    crop = np.full((SIDE, SIDE, 3), (0, 3, 6), np.uint8)
    batch = embedder(path, channels="BGR", per_image=True).prepare([crop, crop * 2])
    np.testing.assert_allclose(batch[:, :, 0, 0], [[6**0.5 / 2, 0, -(6**0.5) / 2]] * 2, rtol=1e-6)


def test_another_dimension_than_the_card_says_is_refused(tmp_path):
    model = embedder(write_tiny_network(tmp_path / "tiny.onnx", dimension=16))
    with pytest.raises(ModelInvalid, match=r"shape \(1, 16\) instead of \(1, 32\)"):
        model.embed([model.blank()])


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_nan_and_zero_vectors_are_refused(tmp_path, value):
    constant = numpy_helper.from_array(np.full((1, 32), value, np.float32), "constant")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["constant"], ["out"])],
        "broken",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 32])],
        [constant],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "b.onnx")
    model = embedder(tmp_path / "b.onnx")
    with pytest.raises(ModelInvalid, match="NaN or zero"):
        model.embed([model.blank()])


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelInvalid, match=r"x\.onnx is not a network"):
        Session(tmp_path / "x.onnx")


def test_the_length_of_the_raw_embedding_is_the_recognisability_where_the_card_says_so(tmp_path):
    path = write_tiny_network(tmp_path / "tiny.onnx")
    crop = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    plain = embedder(path)
    assert plain.embed_with_recognisability([crop])[1] == [None]
    length = float(np.linalg.norm(Session(path).run(plain.prepare([crop]))[0]))
    telling = embedder(path, norm_range=(length - 1, length + 3))
    assert telling.embed_with_recognisability([crop])[1] == [pytest.approx(25, abs=0.1)]  # 1 of 4
    assert telling.embed_with_recognisability([])[1] == []
