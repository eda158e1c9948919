"""dlib's face recognition network (dlib_face_recognition_resnet_model_v1.dat) -> ONNX.

The file lists the layers but not how they are connected. The connections are those of dlib's example
dnn_face_recognition_ex.cpp (public domain): a convolution and max pooling, residual blocks of two convolutions, global
average pooling, a matrix. In a block that shrinks, the input is halved by a 2x2 mean before it is added, and the
smaller of the two tensors, in channels or in pixels, is padded with zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from vultus.errors import ModelInvalid
from vultus.models.importers.dlib_format import (
    AddPrevious,
    Affine,
    Convolution,
    FullyConnected,
    Layer,
    Network,
    Pool,
    Relu,
    read_network,
)
from vultus.records.seen import Float32

OPSET = 17
IR_VERSION = 8  # released with opset 17
COLOURS = 3
INPUT_DIVISOR = 256.0  # dlib/dnn/input.h, input_rgb_image

AnyLayer = TypeVar("AnyLayer", bound=Layer)


@dataclass(frozen=True)
class _Tensor:
    """A tensor of the graph, (N, channels, height, width)."""

    name: str
    channels: int
    height: int
    width: int


def convert_dlib_dat(data: bytes) -> bytes:
    """Convert to ONNX: (N, 3, H, W) float32 RGB 0..255 -> (N, D) raw vectors; reproducible byte for byte.

    dlib's subtraction of the mean and division by 256 are folded into the first convolution.

    Raises: ModelInvalid when the bytes are no dlib network, or one with other layers.
    """
    network = read_network(data)
    graph = _Graph(network.layers)
    output = graph.head(graph.body(graph.stem(network)))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "dlib_resnet",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", COLOURS, network.height, network.width])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", output])],
            graph.constants,
        ),
        producer_name="vultus",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def fold_affine(layer: Convolution, affine: Affine) -> Convolution:
    """One convolution equal to a convolution and the affine layer after it, for any padding. Raises: ModelInvalid."""
    if affine.factor.shape != layer.bias.shape or affine.offset.shape != layer.bias.shape:
        raise _other_network(f"an affine layer of {len(affine.factor)} channels after {len(layer.bias)}")
    factor = affine.factor.astype(np.float64)
    weights, bias = layer.weights * factor[:, None, None, None], layer.bias * factor + affine.offset
    return Convolution(weights.astype(np.float32), bias.astype(np.float32), layer.stride, layer.padding)


def fold_input(layer: Convolution, mean: np.ndarray) -> Convolution:
    """The first convolution for pixels 0..255 instead of (pixel - mean) / 256; mean: (3,). Raises: ModelInvalid."""
    # dlib pads with zeros after the subtraction; here the padding would have to be the mean, which Conv cannot do.
    if layer.padding != (0, 0) or layer.weights.shape[1] != COLOURS:
        raise _other_network(f"a first convolution of {layer.weights.shape[1]} channels, padding {layer.padding}")
    weights = layer.weights.astype(np.float64) / INPUT_DIVISOR
    bias = layer.bias - (weights * mean[:, None, None]).sum(axis=(1, 2, 3))
    return Convolution(weights.astype(np.float32), bias.astype(np.float32), layer.stride, layer.padding)


def _other_network(found: str) -> ModelInvalid:
    return ModelInvalid(f"the dlib file has {found}; it is not dlib's face recognition network")


class _Graph:
    """The nodes and constants written so far, and the layers not written yet."""

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._layers: Iterator[Layer] = iter(layers)
        self._next: Layer | None = next(self._layers, None)

    def stem(self, network: Network) -> _Tensor:
        """Convolution, ReLU and max pooling."""
        layer = fold_input(fold_affine(self._take(Convolution), self._take(Affine)), network.mean)
        tensor = self._relu(self._convolve(layer, _Tensor("input", COLOURS, network.height, network.width)))
        return self._pool(self._take(Pool), tensor)

    def body(self, tensor: _Tensor) -> _Tensor:
        """All residual blocks."""
        while isinstance(self._next, Convolution):
            tensor = self._block(tensor)
        return tensor

    def head(self, tensor: _Tensor) -> int:
        """Global average pooling, then the matrix. Returns its number of columns, the embedding's length."""
        if self._take(Pool).size != (0, 0):
            raise _other_network("a pool over a part of the picture at its end")
        weights = self._take(FullyConnected).weights
        if self._next is not None or len(weights) != tensor.channels:
            raise _other_network(f"a matrix of {len(weights)} rows after {tensor.channels} channels, or more after it")
        pooled = self._node("GlobalAveragePool", [tensor.name])
        flat = self._node("Flatten", [pooled], axis=1)
        self._node("MatMul", [flat, self._constant(weights)], output="embedding")
        return int(weights.shape[1])

    def _block(self, tensor: _Tensor) -> _Tensor:
        """ReLU of the sum of the input, halved if a pool follows, and of the output of two convolutions."""
        first = fold_affine(self._take(Convolution), self._take(Affine))
        inner = self._relu(self._convolve(first, tensor))
        inner = self._convolve(fold_affine(self._take(Convolution), self._take(Affine)), inner)
        shortcut = self._pool(self._take(Pool), tensor) if isinstance(self._next, Pool) else tensor
        self._take(AddPrevious)
        return self._relu(self._add(shortcut, inner))

    def _take(self, kind: type[AnyLayer]) -> AnyLayer:
        layer = self._next
        if not isinstance(layer, kind):
            found = "its end" if layer is None else type(layer).__name__
            raise _other_network(f"{found} where {kind.__name__} is expected")
        self._next = next(self._layers, None)
        return layer

    def _convolve(self, layer: Convolution, tensor: _Tensor) -> _Tensor:
        outputs, inputs, *kernel = layer.weights.shape
        if inputs != tensor.channels:
            raise _other_network(f"a convolution of {inputs} channels after {tensor.channels}")
        height, width = _shrunk(tensor, (kernel[0], kernel[1]), layer.stride, layer.padding)
        name = self._node(
            "Conv",
            [tensor.name, self._constant(layer.weights), self._constant(layer.bias)],
            strides=layer.stride,
            pads=layer.padding * 2,
        )
        return _Tensor(name, outputs, height, width)

    def _pool(self, pool: Pool, tensor: _Tensor) -> _Tensor:
        # dlib pads a maximum with the lowest number and leaves padding out of a mean; this network has neither.
        if pool.padding != (0, 0):
            raise _other_network(f"a pool with padding {pool.padding}")
        height, width = _shrunk(tensor, pool.size, pool.stride, pool.padding)
        operator = "MaxPool" if pool.kind == "max" else "AveragePool"
        name = self._node(operator, [tensor.name], kernel_shape=pool.size, strides=pool.stride)
        return _Tensor(name, tensor.channels, height, width)

    def _relu(self, tensor: _Tensor) -> _Tensor:
        self._take(Relu)
        return _Tensor(self._node("Relu", [tensor.name]), tensor.channels, tensor.height, tensor.width)

    def _add(self, first: _Tensor, second: _Tensor) -> _Tensor:
        sizes = (
            max(first.channels, second.channels),
            max(first.height, second.height),
            max(first.width, second.width),
        )
        names = [self._padded(tensor, sizes) for tensor in (first, second)]
        return _Tensor(self._node("Add", names), *sizes)

    def _padded(self, tensor: _Tensor, sizes: tuple[int, int, int]) -> str:
        """The tensor with zeros after its last channel, row and column."""
        channels, height, width = sizes
        lacking = (channels - tensor.channels, height - tensor.height, width - tensor.width)
        if not any(lacking):
            return tensor.name
        return self._node("Pad", [tensor.name, self._constant(np.array([0, 0, 0, 0, 0, *lacking], np.int64))])

    def _constant(self, array: Float32 | np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _node(self, operator: str, inputs: list[str], *, output: str | None = None, **attributes: Any) -> str:
        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def _shrunk(
    tensor: _Tensor, window: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> tuple[int, int]:
    """Height and width after a sliding window; pixels at the end that do not fill a window are left out."""
    if min(*window, *stride) < 1 or min(padding) < 0 or max(padding) >= max(window):
        raise _other_network(f"a window of {window}, stride {stride}, padding {padding}")
    travel = (tensor.height + 2 * padding[0] - window[0], tensor.width + 2 * padding[1] - window[1])
    if min(travel) < 0:
        raise _other_network(f"a window of {window} over a picture of {tensor.height}x{tensor.width} pixels")
    return travel[0] // stride[0] + 1, travel[1] // stride[1] + 1
