"""Keras itself against the importer: the published network with random weights, saved, imported, compared.

Keras and TensorFlow are no dependencies of Vultus, not even of its tests: install `keras` (3) or `tf_keras` (2) with
`tensorflow-cpu` by hand to run these. The network is written here from its description and shares nothing with the
importer: arXiv:1602.07261 (figures 10-15), David Sandberg's facenet for sizes and scales, DeepFace for layer names.
"""

import importlib
import os

import numpy as np
import onnxruntime
import pytest

from vultus.errors import ModelInvalid
from vultus.models.importers.keras_hdf5 import convert_keras_hdf5

pytestmark = pytest.mark.keras

FACES = 4


def library(name):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip(name, reason=f"{name} is not installed here: pip install {name} tensorflow-cpu")
    return importlib.import_module(name)


class Builder:
    """The network's parts with the layer names of DeepFace; tensors are channels last."""

    def __init__(self, keras):
        self.keras, self.layers = keras, keras.layers

    def norm(self, x, name):
        return self.layers.BatchNormalization(epsilon=0.001, scale=False, name=f"{name}_BatchNorm")(x)

    def conv(self, x, name, filters, size, *, strides=1, padding="same"):
        x = self.layers.Conv2D(filters, size, strides, padding, use_bias=False, name=name)(x)
        return self.layers.Activation("relu", name=f"{name}_Activation")(self.norm(x, name))

    def reduce(self, x, name, filters):
        return self.conv(x, f"{name}_Conv2d_1a_3x3", filters, 3, strides=2, padding="valid")

    def pool(self, x):
        return self.layers.MaxPooling2D(3, strides=2)(x)

    def residual(self, x, name, branches, scale, *, relu=True):
        mixed = self.layers.Concatenate(name=f"{name}_Concatenate")(branches)
        up = self.layers.Conv2D(x.shape[-1], 1, padding="same", name=f"{name}_Conv2d_1x1")(mixed)
        x = self.layers.Add()([x, self.layers.Rescaling(scale)(up)])
        return self.layers.Activation("relu", name=f"{name}_Activation")(x) if relu else x

    def stem(self, x):
        x = self.conv(x, "Conv2d_1a_3x3", 32, 3, strides=2, padding="valid")
        x = self.conv(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
        x = self.pool(self.conv(x, "Conv2d_2b_3x3", 64, 3))
        x = self.conv(x, "Conv2d_3b_1x1", 80, 1, padding="valid")
        x = self.conv(x, "Conv2d_4a_3x3", 192, 3, padding="valid")
        return self.conv(x, "Conv2d_4b_3x3", 256, 3, strides=2, padding="valid")

    def block35(self, x, number):
        name = f"Block35_{number}"
        first = self.conv(x, f"{name}_Branch_0_Conv2d_1x1", 32, 1)
        second = self.conv(x, f"{name}_Branch_1_Conv2d_0a_1x1", 32, 1)
        second = self.conv(second, f"{name}_Branch_1_Conv2d_0b_3x3", 32, 3)
        third = self.conv(x, f"{name}_Branch_2_Conv2d_0a_1x1", 32, 1)
        third = self.conv(third, f"{name}_Branch_2_Conv2d_0b_3x3", 32, 3)
        third = self.conv(third, f"{name}_Branch_2_Conv2d_0c_3x3", 32, 3)
        return self.residual(x, name, [first, second, third], 0.17)

    def block17(self, x, number):
        name, branch = f"Block17_{number}", f"Block17_{number}_Branch_{number}"
        first = self.conv(x, f"{name}_Branch_0_Conv2d_1x1", 128, 1)
        second = self.conv(x, f"{branch}_Conv2d_0a_1x1", 128, 1)
        second = self.conv(second, f"{branch}_Conv2d_0b_1x7", 128, (1, 7))
        second = self.conv(second, f"{branch}_Conv2d_0c_7x1", 128, (7, 1))
        return self.residual(x, name, [first, second], 0.10)

    def block8(self, x, number):
        last = number == 6
        name, branch = f"Block8_{number}", f"Block8_{number}_Branch_{1 if last else number}"
        first = self.conv(x, f"{name}_Branch_0_Conv2d_1x1", 192, 1)
        second = self.conv(x, f"{branch}_Conv2d_0a_1x1", 192, 1)
        second = self.conv(second, f"{branch}_Conv2d_0b_1x3", 192, (1, 3))
        second = self.conv(second, f"{branch}_Conv2d_0c_3x1", 192, (3, 1))
        return self.residual(x, name, [first, second], 1.0 if last else 0.20, relu=not last)

    def mixed_6a(self, x):
        second = self.conv(x, "Mixed_6a_Branch_1_Conv2d_0a_1x1", 192, 1)
        second = self.conv(second, "Mixed_6a_Branch_1_Conv2d_0b_3x3", 192, 3)
        branches = [self.reduce(x, "Mixed_6a_Branch_0", 384), self.reduce(second, "Mixed_6a_Branch_1", 256)]
        return self.layers.Concatenate(name="Mixed_6a")([*branches, self.pool(x)])

    def mixed_7a(self, x):
        first, second, third = (self.conv(x, f"Mixed_7a_Branch_{i}_Conv2d_0a_1x1", 256, 1) for i in range(3))
        third = self.conv(third, "Mixed_7a_Branch_2_Conv2d_0b_3x3", 256, 3)
        branches = [
            self.reduce(first, "Mixed_7a_Branch_0", 384),
            self.reduce(second, "Mixed_7a_Branch_1", 256),
            self.reduce(third, "Mixed_7a_Branch_2", 256),
        ]
        return self.layers.Concatenate(name="Mixed_7a")([*branches, self.pool(x)])

    def network(self, dimension):
        inputs = self.keras.Input((160, 160, 3))
        x = self.stem(inputs)
        for number in range(1, 6):
            x = self.block35(x, number)
        x = self.mixed_6a(x)
        for number in range(1, 11):
            x = self.block17(x, number)
        x = self.mixed_7a(x)
        for number in range(1, 7):
            x = self.block8(x, number)
        x = self.layers.Dropout(0.2, name="Dropout")(self.layers.GlobalAveragePooling2D(name="AvgPool")(x))
        x = self.layers.Dense(dimension, use_bias=False, name="Bottleneck")(x)
        return self.keras.Model(inputs, self.norm(x, "Bottleneck"), name="inception_resnet_v1")


def random_network(keras, dimension):
    """Seeded: kernels that keep the signal's size, biases and batch statistics of their own for every channel."""
    random = np.random.default_rng(dimension)
    model = Builder(keras).network(dimension)
    for layer in model.layers:
        layer.set_weights([random_array(random, layer, array.shape) for array in layer.get_weights()])
        if "BatchNorm" in layer.name:
            beta, mean, variance = layer.get_weights()
            layer.set_weights([beta, mean, 0.2 + np.abs(variance)])
    return model


def random_array(random, layer, shape):
    spread = (2 / np.prod(shape[:-1])) ** 0.5 if len(shape) > 1 else 0.3
    return random.normal(0, spread, shape).astype(np.float32)


def embed(converted, pixels):
    session = onnxruntime.InferenceSession(converted)
    return session.run(["embedding"], {"input": np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))})[0]


@pytest.mark.parametrize("dimension", [128, 512])
@pytest.mark.parametrize(("name", "save"), [("keras", "save"), ("tf_keras", "save_weights"), ("tf_keras", "save")])
def test_imported_network_answers_as_keras_does(tmp_path, name, save, dimension):
    model = random_network(library(name), dimension)
    pixels = np.random.default_rng(1).uniform(-1, 1, (FACES, 160, 160, 3)).astype(np.float32)
    expected = np.asarray(model(pixels, training=False))
    getattr(model, save)(tmp_path / "facenet.h5")
    found = embed(convert_keras_hdf5((tmp_path / "facenet.h5").read_bytes()), pixels)
    cosines = (found * expected).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    error = np.abs(found - expected).max() / np.abs(expected).max()
    print(f"{name} {save} {dimension}: 1 - cosine {1 - cosines.min():.1e}, largest relative error {error:.1e}")
    assert found.shape == (FACES, dimension)
    assert cosines.min() > 0.99999
    assert error < 1e-4


@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_weights_h5_without_layer_names_is_refused(tmp_path, name):
    keras = library(name)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save_weights(tmp_path / "facenet.weights.h5")
    with pytest.raises(ModelInvalid, match=r"\.weights\.h5 layout"):
        convert_keras_hdf5((tmp_path / "facenet.weights.h5").read_bytes())
