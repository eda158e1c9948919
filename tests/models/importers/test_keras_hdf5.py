"""The importer of Keras weights, on a generated file in DeepFace's layout; test_keras_parity.py runs Keras itself."""

import io

import h5py
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper

from tests.models.importers.keras_files import NORM, changed, keras_file, random_bottleneck, random_convolutions
from vultus.errors import ModelInvalid
from vultus.models.importers import IMPORTERS
from vultus.models.importers.keras_hdf5 import convert_keras_hdf5

EPSILON = 1e-3


@pytest.fixture(scope="module")
def layers():
    return random_convolutions() | random_bottleneck(128)


@pytest.fixture(scope="module")
def weights_file(layers):
    return keras_file(layers)


@pytest.fixture(scope="module")
def converted(weights_file):
    return IMPORTERS["keras_hdf5"].convert(weights_file, {})


# --- the network as Keras defines it, channels last, block by block ---------------------------------------------------


class Plain:
    """Single layers of the file in numpy, nothing folded."""

    def __init__(self, layers):
        self.layers = layers

    def convolve(self, pixels, name, *, stride=1, same=True):
        kernel = self.layers[name]["kernel"].astype(np.float64)
        height, width = kernel.shape[:2]
        if same:
            pixels = np.pad(pixels, ((height // 2,) * 2, (width // 2,) * 2, (0, 0)))
        windows = sliding_window_view(pixels, (height, width), axis=(0, 1))[::stride, ::stride]
        return np.einsum("yxihw,hwio->yxo", windows, kernel, optimize=True)

    def normalise(self, values, name):
        beta, mean, variance = (self.layers[f"{name}_BatchNorm"][part].astype(np.float64) for part in NORM)
        return (values - mean) / np.sqrt(variance + EPSILON) + beta

    def unit(self, pixels, name, **how):
        return np.maximum(self.normalise(self.convolve(pixels, name, **how), name), 0)

    def residual(self, pixels, name, scale, *branches):
        """pixels + scale x the 1x1 convolution of the branches side by side, before the ReLU."""
        joined = []
        for branch in branches:
            values = pixels
            for step in branch:
                values = self.unit(values, f"{name}_{step}")
            joined.append(values)
        up = f"{name}_Conv2d_1x1"
        return pixels + scale * (self.convolve(np.concatenate(joined, axis=2), up) + self.layers[up]["bias"])


@pytest.fixture(scope="module")
def run(converted):
    """One forward pass of a random picture: the tensors of these names, (H, W, C) or (D,)."""

    def tensors(*names):
        model = onnx.load_model_from_string(converted)
        known = {output.name for output in model.graph.output}
        model.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in known
        )
        picture = np.random.default_rng(5).uniform(-1, 1, (1, 3, 160, 160)).astype(np.float32)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        arrays = [picture, *session.run(list(names), {"input": picture})]
        return [array[0].transpose(1, 2, 0) if array.ndim == 4 else array[0] for array in arrays]

    return tensors


def assert_same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_stem_is_convolution_then_batch_norm(layers, run):
    picture, first, second = run("Conv2d_1a_3x3/relu", "Conv2d_2a_3x3/relu")
    plain = Plain(layers)
    assert_same(first, plain.unit(picture, "Conv2d_1a_3x3", stride=2, same=False))
    assert_same(second, plain.unit(first, "Conv2d_2a_3x3", same=False))


def test_block35_adds_17_hundredths_of_three_branches(layers, run):
    _, before, after = run("block35_1/relu", "block35_2/relu")
    expected = Plain(layers).residual(
        before,
        "Block35_2",
        0.17,
        ("Branch_0_Conv2d_1x1",),
        ("Branch_1_Conv2d_0a_1x1", "Branch_1_Conv2d_0b_3x3"),
        ("Branch_2_Conv2d_0a_1x1", "Branch_2_Conv2d_0b_3x3", "Branch_2_Conv2d_0c_3x3"),
    )
    assert_same(after, np.maximum(expected, 0))


def test_block17_takes_its_second_branch_from_the_branch_of_its_own_number(layers, run):
    _, before, after = run("block17_9/relu", "block17_10/relu")
    branch = [f"Branch_10_Conv2d_{part}" for part in ("0a_1x1", "0b_1x7", "0c_7x1")]
    expected = Plain(layers).residual(before, "Block17_10", 0.1, ("Branch_0_Conv2d_1x1",), branch)
    assert_same(after, np.maximum(expected, 0))


def test_block8_takes_its_second_branch_from_the_branch_of_its_own_number(layers, run):
    _, before, after = run("block8_4/relu", "block8_5/relu")
    branch = [f"Branch_5_Conv2d_{part}" for part in ("0a_1x1", "0b_1x3", "0c_3x1")]
    expected = Plain(layers).residual(before, "Block8_5", 0.2, ("Branch_0_Conv2d_1x1",), branch)
    assert_same(after, np.maximum(expected, 0))


def test_last_block8_is_whole_unrectified_and_has_branch_1(layers, run):
    _, before, after = run("block8_5/relu", "block8_6/add")
    branch = [f"Branch_1_Conv2d_{part}" for part in ("0a_1x1", "0b_1x3", "0c_3x1")]
    assert_same(after, Plain(layers).residual(before, "Block8_6", 1.0, ("Branch_0_Conv2d_1x1",), branch))


def test_bottleneck_is_the_mean_of_the_pixels_then_dense_then_batch_norm(layers, run):
    _, last, embedding = run("block8_6/add", "embedding")
    features = last.mean(axis=(0, 1), dtype=np.float64)
    expected = Plain(layers).normalise(features @ layers["Bottleneck"]["kernel"], "Bottleneck")
    assert embedding.shape == (128,)
    assert_same(embedding, expected)


# --- layouts ----------------------------------------------------------------------------------------------------------


def test_keras_3_model_and_keras_2_weights_convert_to_the_same_bytes(layers, converted):
    assert convert_keras_hdf5(keras_file(layers, keras=3)) == converted


def test_scope_of_a_model_that_was_made_twice_is_read(weights_file, converted):
    def rename(file):
        file.move("Bottleneck/Bottleneck", "Bottleneck/Bottleneck_1")

    assert convert_keras_hdf5(changed(weights_file, rename)) == converted


def test_512_dimensions_convert_and_pass_the_onnx_checker(layers):
    model = onnx.load_model_from_string(convert_keras_hdf5(keras_file(layers | random_bottleneck(512))))
    onnx.checker.check_model(model)
    assert model.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 512


@pytest.mark.parametrize("root", ["layers", "_layer_checkpoint_dependencies"])
def test_weights_without_layer_names_are_refused_with_the_way_out(root):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file[f"{root}/conv2d/vars/0"] = np.zeros((3, 3, 3, 32), np.float32)
    with pytest.raises(ModelInvalid, match=r"\.weights\.h5 layout.*model\.save\('facenet\.h5'\)"):
        convert_keras_hdf5(buffer.getvalue())
