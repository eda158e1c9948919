"""dlib's serialisation, written by hand: small networks with the layers of its face recognition network."""

import math

import numpy as np

EMPTY = b"\x01\x02" + 4 * b"\x01\x00"  # a tensor of version 2 and four sizes 0


def integer(value):
    size = max(1, math.ceil(abs(value).bit_length() / 8))
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def integers(*values):
    return b"".join(map(integer, values))


def fraction(value):
    mantissa, exponent = math.frexp(value)
    return integers(int(mantissa * 2**24), exponent - 24)


def text(value):
    return integer(len(value)) + value.encode()


def tensor(values):
    values = np.asarray(values, "<f4").ravel()
    return integers(2, values.size, 1, 1, 1) + values.tobytes()


def layer(name, details=b""):
    return text(name) + details + b"110" + 3 * EMPTY


def con(weights, bias, *, stride=1, padding=0):
    outputs, inputs, height, width = weights.shape
    sizes = integers(outputs, height, width, stride, stride, padding, padding)
    shapes = integers(1, outputs, inputs, height, width) + integers(1, 1, outputs, 1, 1)
    return layer("con_4", tensor([*weights.ravel(), *bias]) + sizes + shapes + 4 * fraction(1.0))


def affine(factor, offset):
    shape = integers(1, 1, len(factor), 1, 1)
    return layer("affine_", tensor([*factor, *offset]) + 2 * shape + integer(0))


def pool(kind, size, stride, *, padding=0):
    return layer(f"{kind}_pool_2", integers(size, size, stride, stride, padding, padding))


def fully_connected(weights):
    inputs, outputs = weights.shape
    shapes = integers(1, inputs, outputs, 1, 1) + integers(1, 0, 0, 0, 0)
    return layer("fc_2", integers(outputs, inputs) + tensor(weights) + shapes + integer(1) + 4 * fraction(0.0))


RELU, ADD = layer("relu_"), layer("add_prev_")


def network(*layers, mean=(0.0, 0.0, 0.0), height=9, width=9):
    """All of a file: loss, a version for every level (tags among them), the input, the layers."""
    loss = integer(1) + text("loss_metric_2") + fraction(0.04) + fraction(0.6)
    levels = integers(*[2, 1] * (len(layers) - 1), 3)
    pixels = text("input_rgb_image_sized") + b"".join(map(fraction, mean)) + integers(height, width)
    return loss + levels + pixels + layers[0] + integer(1) + b"".join(layers[1:])
