"""Reads dlib's serialised networks without dlib: the layers in the order in which they run.

The format is that of dlib/serialize.h and dlib/dnn (github.com/davisking/dlib, Boost Software License 1.0). A whole
number is one byte, whose low four bits say how many bytes follow (little endian) and whose highest bit is the sign. A
fraction is two whole numbers, mantissa and exponent of 2. A tensor is a version, four sizes and raw float32. A network
nests: first the version of every level, outermost first, then the input, then every layer, innermost first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NoReturn

import numpy as np

from vultus.errors import ModelInvalid
from vultus.records.seen import Float32

_SIGN, _SIZE, _MOST_BYTES = 0x80, 0x0F, 8
_TENSOR_VERSION = 2
_LAYER_VERSION, _FIRST_LAYER_VERSION, _TAG_VERSION = 2, 3, 1
_LARGEST_EXPONENT = 900  # fits into float64; dlib marks infinities and NaN by exponents from 32000 on
_LARGEST_SIDE = 4096  # pixels


@dataclass(frozen=True, eq=False)
class Convolution:
    """weights: (O, I, H, W) float32; bias: (O,) float32; stride and padding: (vertical, horizontal) pixels."""

    weights: Float32
    bias: Float32
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Affine:
    """factor x input + offset, channel by channel: (C,) float32 each. A batch normalisation after training."""

    factor: Float32
    offset: Float32


@dataclass(frozen=True)
class Pool:
    """Maximum or mean over a window of `size`, (0, 0) for the whole picture; (vertical, horizontal) pixels each."""

    kind: Literal["max", "mean"]
    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True)
class Relu:
    """max(input, 0)."""


@dataclass(frozen=True)
class AddPrevious:
    """The input plus the tensor tagged before; the smaller one is padded with zeros in every dimension."""


@dataclass(frozen=True, eq=False)
class FullyConnected:
    """input @ weights; weights: (I, O) float32; no bias."""

    weights: Float32


Layer = Convolution | Affine | Pool | Relu | AddPrevious | FullyConnected


@dataclass(frozen=True, eq=False)
class Network:
    """mean: (3,) float64, of R, G and B, subtracted before the pixels are divided by 256; sizes in pixels."""

    mean: np.ndarray
    height: int
    width: int
    layers: tuple[Layer, ...]


def read_network(data: bytes) -> Network:
    """Read a network with metric loss and an RGB input of fixed size.

    Raises: ModelInvalid when the bytes are no such network, are truncated, or go on after its end.
    """
    cursor = _Cursor(data)
    _read_loss(cursor)
    while (version := cursor.integer()) != _FIRST_LAYER_VERSION:
        if version not in (_LAYER_VERSION, _TAG_VERSION):
            cursor.refuse(f"has a level of version {version}")
    cursor.expect("input_rgb_image_sized")
    mean = np.array([cursor.fraction() for _ in range(3)])
    height, width = cursor.pair()
    if not 1 <= min(height, width) <= max(height, width) <= _LARGEST_SIDE:
        cursor.refuse(f"has an input of {width}x{height} pixels")
    layers = [_read_layer(cursor)]
    cursor.integer()  # samples per picture, of the first layer only
    while not cursor.at_end:
        layers.append(_read_layer(cursor))
    return Network(mean, height, width, tuple(layers))


@dataclass
class _Cursor:
    """A position in the bytes; every method reads one item and moves past it."""

    data: bytes
    position: int = field(default=0)

    @property
    def at_end(self) -> bool:
        return self.position == len(self.data)

    def refuse(self, problem: str) -> NoReturn:
        raise ModelInvalid(f"the dlib file {problem} (at byte {self.position}); it is another network or damaged")

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.position:
            self.refuse(f"of {len(self.data)} bytes ends where {size} more are needed")
        self.position += size
        return self.data[self.position - size : self.position]

    def integer(self) -> int:
        control = self.take(1)[0]
        size = control & _SIZE
        if not 1 <= size <= _MOST_BYTES:
            self.refuse(f"has a whole number of {size} bytes")
        value = int.from_bytes(self.take(size), "little")
        return -value if control & _SIGN else value

    def fraction(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > _LARGEST_EXPONENT:
            self.refuse("has a number that is infinite or none")
        return math.ldexp(mantissa, exponent)

    def text(self) -> str:
        return self.take(max(self.integer(), 0)).decode("latin-1")

    def expect(self, expected: str) -> None:
        if (found := self.text()) != expected:
            self.refuse(f"has {found[:40]!r} where {expected!r} is expected")

    def pair(self) -> tuple[int, int]:
        return self.integer(), self.integer()

    def sizes(self) -> tuple[int, int, int, int]:
        sizes = (self.integer(), self.integer(), self.integer(), self.integer())
        if min(sizes) < 0:
            self.refuse(f"has a tensor of sizes {sizes}")
        return sizes

    def tensor(self) -> Float32:
        """All the values of a tensor, (N,)."""
        if (version := self.integer()) != _TENSOR_VERSION:
            self.refuse(f"has a tensor of version {version}")
        return np.frombuffer(self.take(4 * math.prod(self.sizes())), "<f4")

    def shape(self) -> tuple[int, int, int, int]:
        """The shape of one part of a tensor."""
        self.integer()  # version
        return self.sizes()


def _read_loss(cursor: _Cursor) -> None:
    cursor.integer()  # version
    cursor.expect("loss_metric_2")
    _skip_fractions(cursor, 2)  # margin and distance threshold


def _skip_fractions(cursor: _Cursor, count: int) -> None:
    for _ in range(count):
        cursor.fraction()


def _read_layer(cursor: _Cursor) -> Layer:
    name = cursor.text()
    if name not in _READERS:
        cursor.refuse(f"has a layer {name[:40]!r} that is not known")
    layer = _READERS[name](cursor)
    cursor.take(3)  # three flags used in training only
    for _ in range(3):
        cursor.tensor()  # the gradient, the output and the parameters' gradient, all empty
    return layer


def _read_convolution(cursor: _Cursor) -> Convolution:
    values = cursor.tensor()
    cursor.integer(), cursor.pair()  # filters, their height and width: repeated in the shape below
    stride, padding = cursor.pair(), cursor.pair()
    shape, bias_shape = cursor.shape(), cursor.shape()
    _skip_fractions(cursor, 4)  # learning rates
    weights, bias = _split(cursor, values, math.prod(shape), math.prod(bias_shape))
    if len(bias) != shape[0]:
        cursor.refuse(f"has a convolution of shape {shape} with {len(bias)} biases")
    return Convolution(weights.reshape(shape), bias, stride, padding)


def _read_affine(cursor: _Cursor) -> Affine:
    values = cursor.tensor()
    factor, offset = _split(cursor, values, math.prod(cursor.shape()), math.prod(cursor.shape()))
    cursor.integer()  # whether it followed a convolution or a fully connected layer
    return Affine(factor, offset)


def _read_fully_connected(cursor: _Cursor) -> FullyConnected:
    cursor.pair()  # outputs and inputs: repeated in the shape below
    values = cursor.tensor()
    inputs, outputs, *_ = cursor.shape()
    cursor.shape(), cursor.integer()  # the bias, and whether there is one
    _skip_fractions(cursor, 4)
    weights, _ = _split(cursor, values, inputs * outputs, 0)
    return FullyConnected(weights.reshape(inputs, outputs))


def _read_pool(cursor: _Cursor, kind: Literal["max", "mean"]) -> Pool:
    return Pool(kind, cursor.pair(), cursor.pair(), cursor.pair())


def _split(cursor: _Cursor, values: Float32, first: int, second: int) -> tuple[Float32, Float32]:
    if len(values) != first + second:
        cursor.refuse(f"has a layer of {len(values)} parameters where {first + second} are expected")
    return values[:first], values[first:]


_READERS: Mapping[str, Callable[[_Cursor], Layer]] = {
    "con_4": _read_convolution,
    "affine_": _read_affine,
    "relu_": lambda _: Relu(),
    "add_prev_": lambda _: AddPrevious(),
    "max_pool_2": lambda cursor: _read_pool(cursor, "max"),
    "avg_pool_2": lambda cursor: _read_pool(cursor, "mean"),
    "fc_2": _read_fully_connected,
}
