"""Simplifies an ONNX graph before it is quantised: folds batch normalisations, removes nodes without effect.

ONNX Runtime does the same when it loads a float model, which is too late for quantising: a batch normalisation left
between a convolution and its activation keeps both in float.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import numpy_helper

from vultus.errors import ModelInvalid

Array = NDArray[Any]

_NO_EFFECT = ("Dropout", "Identity")
_DEFAULT_EPSILON = 1e-5  # ONNX operator BatchNormalization


class Graph:
    """A graph: `nodes` in the order in which they run, `constants` by name, producer and readers of a tensor.

    input_type: a TensorProto.DataType.
    """

    def __init__(self, data: bytes) -> None:
        """Raises: ModelInvalid when the bytes are no ONNX model with nodes and one input."""
        self.model = _read(data)
        graph = self.model.graph
        self.constants: dict[str, Array] = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.nodes: list[Any] = [node for node in graph.node if not self._take_constant(node)]
        inputs = [value.name for value in graph.input if value.name not in self.constants]
        if len(inputs) != 1:
            raise ModelInvalid(f"the model has {len(inputs)} inputs; only a model with one can be quantised")
        self.input: str = inputs[0]
        self.input_type: int = next(v.type.tensor_type.elem_type for v in graph.input if v.name == self.input)
        self.outputs: tuple[str, ...] = tuple(value.name for value in graph.output)

    def producer(self, tensor: str) -> Any | None:
        """The node whose output the tensor is; None for an input or a constant."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def readers(self, tensor: str) -> list[Any]:
        """The nodes that read the tensor."""
        return [node for node in self.nodes if tensor in node.input]

    def is_private(self, tensor: str) -> bool:
        """Whether exactly one node reads the tensor, and it is no output of the model."""
        return len(self.readers(tensor)) == 1 and tensor not in self.outputs

    def bypass(self, node: Any) -> None:
        """Remove a node without effect: its readers read its input instead."""
        if node.output[0] in self.outputs:
            return  # the output's name must stay, so the node does too; it costs nothing
        self.nodes.remove(node)
        for reader in self.readers(node.output[0]):
            names = [node.input[0] if name == node.output[0] else name for name in reader.input]
            reader.input[:] = names

    def absorb(self, layer: Any, node: Any) -> None:
        """Remove the only reader of the layer's output: the layer writes the node's output instead.

        Every remaining tensor keeps its values, so that ranges measured before are valid after.
        """
        self.nodes.remove(node)
        layer.output[0] = node.output[0]

    def serialize(self) -> bytes:
        """The model as ONNX, the same bytes every time; constants that no node reads are left out."""
        graph = self.model.graph
        read = dict.fromkeys(name for node in self.nodes for name in node.input)
        nodes = [type(node).FromString(node.SerializeToString()) for node in self.nodes]
        constants = [
            numpy_helper.from_array(np.asarray(self.constants[name], order="C"), name)
            for name in read
            if name in self.constants
        ]
        inputs = [value for value in graph.input if value.name == self.input]
        for repeated, items in ((graph.node, nodes), (graph.initializer, constants), (graph.input, inputs)):
            copies = [type(item).FromString(item.SerializeToString()) for item in items]
            del repeated[:]
            repeated.extend(copies)
        del graph.value_info[:]
        serialized: bytes = self.model.SerializeToString(deterministic=True)
        return serialized

    def _take_constant(self, node: Any) -> bool:
        """Move the value of a Constant node to the constants. Returns whether it was one."""
        if node.op_type != "Constant":
            return False
        value = attributes(node).get("value")
        if value is None:
            raise ModelInvalid(f"Constant {node.output[0]!r} holds no tensor; only tensors can be read")
        self.constants[node.output[0]] = numpy_helper.to_array(value)
        return True


def attributes(node: Any) -> dict[str, Any]:
    """The node's attributes as Python values."""
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def fold(graph: Graph) -> None:
    """Fold every batch normalisation into the convolution or dense layer next to it; remove nodes without effect.

    A batch normalisation after a layer is folded into that layer; one before a dense layer, with only a Flatten
    between, into the dense layer. Others stay.
    """
    for node in list(graph.nodes):
        if node.op_type in _NO_EFFECT:
            graph.bypass(node)
    for node in list(graph.nodes):
        if node.op_type == "BatchNormalization":
            _fold_back(graph, node) or _fold_forward(graph, node)


def _read(data: bytes) -> Any:
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as exc:
        raise ModelInvalid(f"the file of {len(data)} bytes is no ONNX model; prepare or fetch it again") from exc
    if not model.graph.node:
        raise ModelInvalid(f"the ONNX file of {len(data)} bytes has no nodes; prepare or fetch it again")
    return model


def _factor_and_shift(graph: Graph, node: Any) -> tuple[Array, Array]:
    """(C,) float64 each: the batch normalisation is factor x + shift (arXiv:1502.03167, algorithm 2)."""
    gamma, beta, mean, variance = (graph.constants[name].astype(np.float64) for name in node.input[1:5])
    factor = gamma / np.sqrt(variance + attributes(node).get("epsilon", _DEFAULT_EPSILON))
    return factor, beta - mean * factor


def _fold_back(graph: Graph, node: Any) -> bool:
    """Fold into the layer before it, if that has no other reader. Returns whether it was folded."""
    layer = graph.producer(node.input[0])
    if layer is None or not is_layer(graph, layer) or not graph.is_private(node.input[0]):
        return False
    factor, shift = _factor_and_shift(graph, node)
    weights, bias = graph.constants[layer.input[1]], layer_bias(graph, layer)
    set_layer(graph, layer, weights * factor.reshape(-1, *[1] * (weights.ndim - 1)), bias * factor + shift)
    graph.absorb(layer, node)
    return True


def _fold_forward(graph: Graph, node: Any) -> bool:
    """Fold into the dense layer after it and a Flatten. Returns whether it was folded."""
    flatten = _only_reader(graph, node.output[0], "Flatten")
    dense = _only_reader(graph, flatten.output[0], "Gemm") if flatten is not None else None
    if dense is None or not is_layer(graph, dense):
        return False
    factor, shift = _factor_and_shift(graph, node)
    weights = graph.constants[dense.input[1]].astype(np.float64)
    per_channel = weights.reshape(len(weights), len(factor), -1)  # Flatten puts the channels outermost
    bias = layer_bias(graph, dense) + (per_channel.sum(axis=2) @ shift)
    set_layer(graph, dense, (per_channel * factor[:, None]).reshape(weights.shape), bias)
    graph.bypass(node)
    return True


def _only_reader(graph: Graph, tensor: str, kind: str) -> Any | None:
    readers = graph.readers(tensor)
    return readers[0] if graph.is_private(tensor) and readers[0].op_type == kind else None


def is_layer(graph: Graph, node: Any) -> bool:
    """Whether the node is a convolution or a dense layer y = x W^T + b, its weights constant, output channels first."""
    if node.op_type not in ("Conv", "Gemm") or node.input[1] not in graph.constants:
        return False
    given = attributes(node)
    plain = (given.get("alpha", 1.0), given.get("beta", 1.0), given.get("transA", 0), given.get("transB", 0))
    return node.op_type == "Conv" or plain == (1.0, 1.0, 0, 1)


def layer_bias(graph: Graph, layer: Any) -> Array:
    """(O,) float64: the layer's bias, zeros where it has none."""
    outputs = len(graph.constants[layer.input[1]])
    given = graph.constants[layer.input[2]] if len(layer.input) > 2 else np.zeros(outputs)
    return np.broadcast_to(given.astype(np.float64), (outputs,))


def set_layer(graph: Graph, layer: Any, weights: Array, bias: Array) -> None:
    """Set the layer's weights and bias as new constants; the old ones may be shared with other layers."""
    names = (f"{layer.output[0]}/folded_weights", f"{layer.output[0]}/folded_bias")
    for name, array in zip(names, (weights, bias), strict=True):
        graph.constants[name] = array.astype(np.float32)
    layer.input[:] = [layer.input[0], *names]
