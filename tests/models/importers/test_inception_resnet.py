"""The builder. Weights that are zero but for one or two numbers make outputs that can be worked out by hand."""

import numpy as np
import onnx
import onnxruntime
import pytest

from vultus.errors import ModelInvalid
from vultus.models.importers.inception_resnet import BOTTLENECK, FEATURES, build_inception_resnet, fold_batch_norm
from vultus.models.importers.inception_resnet_layers import convolutions


def blank_weights(dimension=2):
    weights = {
        layer.name: (np.zeros(layer.shape, np.float32), np.zeros(layer.outputs, np.float32)) for layer in convolutions()
    }
    weights[BOTTLENECK] = (np.zeros((dimension, FEATURES), np.float32), np.zeros(dimension, np.float32))
    return weights


def embed(weights, faces=1):
    session = onnxruntime.InferenceSession(build_inception_resnet(weights).SerializeToString())
    pixels = np.ones((faces, 3, 160, 160), np.float32)
    return session.run(["embedding"], {"input": pixels})[0]


def convolve(pixels, kernel):
    """Plain convolution, (I, H, W) with (O, I, h, w), unpadded, stride 1: the definition, in two loops."""
    outputs, _, height, width = kernel.shape
    rows, columns = pixels.shape[1] - height + 1, pixels.shape[2] - width + 1
    out = np.empty((outputs, rows, columns))
    for y in range(rows):
        for x in range(columns):
            window = pixels[:, y : y + height, x : x + width]
            out[:, y, x] = (kernel * window).sum(axis=(1, 2, 3))
    return out


def test_fold_batch_norm_by_hand():
    # gamma 3, variance 3, epsilon 1: factor 3 / sqrt(4) = 1.5; bias = 5 - 2 x 1.5 = 2
    one = np.ones(1, np.float32)
    kernel, bias = fold_batch_norm(np.full((1, 2), 4, np.float32), 3 * one, 5 * one, 2 * one, 3 * one, 1.0)
    np.testing.assert_array_equal(kernel, [[6, 6]])
    np.testing.assert_array_equal(bias, [2])


def test_folded_convolution_equals_convolution_then_batch_norm():
    random = np.random.default_rng(7)
    pixels = random.normal(size=(3, 6, 5))
    kernel = random.normal(size=(4, 3, 3, 2)).astype(np.float32)
    gamma, beta, mean = random.normal(size=(3, 4)).astype(np.float32)
    variance = random.uniform(0.1, 2, 4).astype(np.float32)
    column = (4, 1, 1)
    scaled = (convolve(pixels, kernel) - mean.reshape(column)) / np.sqrt(variance.reshape(column) + 1e-3)
    expected = gamma.reshape(column) * scaled + beta.reshape(column)
    folded, bias = fold_batch_norm(kernel, gamma, beta, mean, variance, 1e-3)
    np.testing.assert_allclose(convolve(pixels, folded) + bias.reshape(column), expected, atol=1e-5)


def test_network_has_132_convolutions_of_23_million_parameters():
    layers = list(convolutions())
    assert len(layers) == len({layer.name for layer in layers}) == 132
    parameters = sum(int(np.prod(layer.shape)) + layer.outputs for layer in layers) + 512 * FEATURES + 512
    assert round(parameters / 1e6, 2) == 23.47


@pytest.fixture(scope="module")
def probe_model():
    """Bottleneck rows that read channel 0 and channel 1791 of the features, with biases 0 and 10."""
    weights = blank_weights()
    weights[BOTTLENECK][0][0, 0] = 1
    weights[BOTTLENECK][0][1, 1791] = 1
    weights[BOTTLENECK][1][:] = [0, 10]
    return weights


def with_bias(weights, layer, value):
    changed = dict(weights)
    changed[layer] = (weights[layer][0], np.full_like(weights[layer][1], value))
    return changed


def test_bottleneck_bias_reaches_every_face_of_a_batch(probe_model):
    np.testing.assert_array_equal(embed(probe_model, faces=3), [[0, 10]] * 3)


def test_last_block_is_added_whole_and_keeps_negative_values(probe_model):
    np.testing.assert_allclose(embed(with_bias(probe_model, "block8_6/Conv2d_1x1", -2)), [[-2, 8]])


def test_block8_is_scaled_by_a_fifth_and_rectified(probe_model):
    np.testing.assert_allclose(embed(with_bias(probe_model, "block8_5/Conv2d_1x1", 2)), [[0.4, 10.4]], rtol=1e-6)
    np.testing.assert_allclose(embed(with_bias(probe_model, "block8_5/Conv2d_1x1", -2)), [[0, 10]])


def test_block17_is_scaled_by_a_tenth_and_pooled_into_the_last_channels(probe_model):
    np.testing.assert_allclose(embed(with_bias(probe_model, "block17_10/Conv2d_1x1", 2)), [[0, 10.2]], rtol=1e-6)


def test_block35_is_scaled_by_017_and_pooled_twice_into_the_last_channels(probe_model):
    np.testing.assert_allclose(embed(with_bias(probe_model, "block35_5/Conv2d_1x1", 2)), [[0, 10.34]], rtol=1e-6)


def test_model_passes_the_onnx_checker_with_a_free_batch():
    model = build_inception_resnet(blank_weights(dimension=128))
    onnx.checker.check_model(model)
    shapes = [
        [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (model.graph.input[0], model.graph.output[0])
    ]
    assert shapes == [["N", 3, 160, 160], ["N", 128]]


def test_missing_layer_is_named():
    weights = blank_weights()
    del weights["block17_3/Branch_1/Conv2d_0b_1x7"]
    with pytest.raises(ModelInvalid, match="lacks the weights of block17_3/Branch_1/Conv2d_0b_1x7"):
        build_inception_resnet(weights)


def test_missing_bottleneck_is_named():
    weights = blank_weights()
    del weights[BOTTLENECK]
    with pytest.raises(ModelInvalid, match="lacks the weights of Bottleneck"):
        build_inception_resnet(weights)


def test_wrong_shape_is_named():
    weights = blank_weights()
    weights["Conv2d_1a_3x3"] = (np.zeros((3, 3, 3, 32), np.float32), np.zeros(32, np.float32))
    with pytest.raises(ModelInvalid, match=r"Conv2d_1a_3x3 .* has weights \(3, 3, 3, 32\)"):
        build_inception_resnet(weights)


def test_unknown_layer_is_named():
    with pytest.raises(ModelInvalid, match="has no layer extra"):
        build_inception_resnet({**blank_weights(), "extra": (np.zeros((1, 1)), np.zeros(1))})
