"""Keras weight files in DeepFace's layout, made with h5py alone."""

import io

import h5py
import numpy as np

from vultus.models.importers.inception_resnet_layers import convolutions
from vultus.models.importers.keras_hdf5 import layer_name

NORM = ("beta", "moving_mean", "moving_variance")


def random_norm(random, size):
    beta, mean = random.normal(0, 0.3, (2, size)).astype(np.float32)
    return dict(zip(NORM, (beta, mean, random.uniform(0.5, 2, size).astype(np.float32)), strict=True))


def random_bottleneck(dimension):
    random = np.random.default_rng(13)
    kernel = random.normal(0, 0.02, (1792, dimension)).astype(np.float32)
    return {"Bottleneck": {"kernel": kernel}, "Bottleneck_BatchNorm": random_norm(random, dimension)}


def random_convolutions():
    """Layer -> tensors as Keras keeps them: kernels (H, W, I, O) that keep the signal's size, random statistics."""
    random, layers = np.random.default_rng(11), {}
    for layer in convolutions():
        name, fan_in = layer_name(layer.name), layer.inputs * layer.kernel[0] * layer.kernel[1]
        kernel = random.standard_normal((*layer.kernel, layer.inputs, layer.outputs), np.float32)
        layers[name] = {"kernel": kernel * np.float32((2 / fan_in) ** 0.5)}
        if layer.relu:
            layers[f"{name}_BatchNorm"] = random_norm(random, layer.outputs)
        else:
            layers[name]["bias"] = random.normal(0, 0.3, layer.outputs).astype(np.float32)
    return layers


def write_layer(group, name, tensors, suffix):
    layer = group.create_group(name)
    layer.attrs["weight_names"] = [f"{name}/{part}{suffix}".encode() for part in tensors]
    for part, array in tensors.items():
        layer[f"{name}/{part}{suffix}"] = array


def keras_file(layers, *, keras=2):
    """The bytes of Keras 2's save_weights, or of Keras 3's save to .h5."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        group = file if keras == 2 else file.create_group("model_weights")
        for name, tensors in layers.items():
            write_layer(group, name, tensors, ":0" if keras == 2 else "")
        write_layer(group, "Block35_1_Activation", {}, "")  # layers without weights are there, too
    return buffer.getvalue()


def changed(data, change):
    """The file after `change`, which gets its open root."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()
