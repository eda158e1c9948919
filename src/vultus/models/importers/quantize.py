"""A float32 ONNX network -> the same network in 8 bits, with activation ranges measured beforehand.

Static quantisation in ONNX's QDQ form: activations uint8 with a zero point, weights int8 per output channel, biases
int32. ONNX Runtime turns each layer between its DequantizeLinear and QuantizeLinear into one integer kernel
(QLinearConv, QLinearAdd, ...). x86's VNNI instructions multiply uint8 by int8; int8 by int8 is slower. Weights use
7 of their 8 bits for processors whose sums of two products would saturate (`models.precision`).

The formulas are those of Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (arXiv:1712.05877), sections 2.1 and 2.4, and of ONNX's operator QuantizeLinear.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from vultus.errors import ModelInvalid
from vultus.models.importers.fold import Graph, attributes, fold
from vultus.models.importers.prelu import flatten_slopes, has_flat_slopes
from vultus.models.importers.prelu_convolutions import restore_prelus
from vultus.models.precision import WeightBits

Array = NDArray[Any]
Ranges = Mapping[str, tuple[float, float]]

LEVELS = 255  # of an activation: uint8
# Of a weight, by its bits, on either side of 0; -128 and -64 are left out, so that the range is symmetric.
WEIGHT_LEVELS: Mapping[WeightBits, int] = {8: 127, 7: 63}
INT32_MAX = 2**31 - 1
SMALLEST_SCALE = 2.0**-60  # far above float32's smallest number, so that products of two scales do not become 0
LEAST_OPSET = 13  # of ONNX: DequantizeLinear per channel

_INTEGER = ("Conv", "Gemm", "Add", "Concat", "GlobalAveragePool", "PRelu", "Relu")
_UNCHANGED = ("MaxPool", "Flatten")  # their output takes only values of their input: one scale serves both


def quantize(data: bytes, ranges: Ranges, *, weight_bits: WeightBits) -> bytes:
    """Quantise a float32 ONNX model; the result is the same bytes every time. Input and outputs stay float32.

    ranges: tensor -> (least, greatest) value, of exactly the tensors that `measurable` returns. weight_bits: 7 for
    processors whose 8-bit products saturate, 8 for the others.

    Raises: ModelInvalid when the bytes are no ONNX model with one input, or a range is missing or superfluous.
    """
    graph = _prepared(data)
    _drop_relus(graph)
    owners = _owners(graph)
    _check_names(set(owners.values()), set(ranges))
    _Writer(graph, owners, ranges, WEIGHT_LEVELS[weight_bits]).write()
    return graph.serialize()


def measurable(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The simplified network in float32, and the names of the tensors whose ranges `quantize` needs.

    These tensors are the network's outputs; if its input is among them, it is only in the names.

    Raises: ModelInvalid when the bytes are no ONNX model with one input.
    """
    graph, quantised = _prepared(data), _prepared(data)
    _drop_relus(quantised)
    names = tuple(dict.fromkeys(_owners(quantised).values()))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name != graph.input]
    del graph.model.graph.output[:]
    graph.model.graph.output.extend(outputs)
    return graph.serialize(), names


def _prepared(data: bytes) -> Graph:
    graph = Graph(data)
    opset = next((entry.version for entry in graph.model.opset_import if not entry.domain), 0)
    if opset < LEAST_OPSET:
        raise ModelInvalid(f"the model is of ONNX opset {opset}; export it with opset {LEAST_OPSET} or later")
    if graph.input_type != TensorProto.FLOAT:
        kind = TensorProto.DataType.Name(graph.input_type).lower()
        raise ModelInvalid(f"the model takes {kind}; export it with a float32 input and float32 weights")
    restore_prelus(graph)
    fold(graph)
    flatten_slopes(graph)
    return graph


def _drop_relus(graph: Graph) -> None:
    """Remove the ReLUs: an output stored with 0 as its least value is cut off there without one."""
    for relu in [node for node in graph.nodes if node.op_type == "Relu"]:
        layer = graph.producer(relu.input[0])
        integer = layer is not None and layer.op_type in ("Conv", "Add")
        if integer and graph.is_private(relu.input[0]) and relu.output[0] not in graph.outputs:
            graph.absorb(layer, relu)


def _owners(graph: Graph) -> dict[str, str]:
    """Each stored tensor -> the tensor whose range it uses, mostly its own."""
    owners: dict[str, str] = {}
    for tensor in (graph.input, *(name for node in graph.nodes for name in node.output)):
        if _is_stored(graph, tensor):
            owners[tensor] = _owner(graph, owners, tensor)
    return owners


def _is_stored(graph: Graph, tensor: str) -> bool:
    """Whether the tensor is stored in 8 bits: an integer layer writes or reads it, and it is no output."""
    producer = graph.producer(tensor)
    kinds = {node.op_type for node in (*graph.readers(tensor), producer) if node is not None}
    return tensor not in graph.outputs and not kinds.isdisjoint((*_INTEGER, *_UNCHANGED))


def _owner(graph: Graph, owners: Mapping[str, str], tensor: str) -> str:
    producer, readers = graph.producer(tensor), graph.readers(tensor)
    if producer is not None and (producer.op_type in _UNCHANGED or _is_integer_prelu(graph, producer)):
        return owners[producer.input[0]]
    # A tensor read only by a concatenation is stored at that one's scale: rounded once, and joined by copying.
    if graph.is_private(tensor) and readers[0].op_type == "Concat":
        return str(readers[0].output[0])
    return tensor


def _is_integer_prelu(graph: Graph, node: Any) -> bool:
    """Whether the PReLU has one slope per channel of a picture, none above 1."""
    if node.op_type != "PRelu" or not has_flat_slopes(graph, node) or node.output[0] in graph.outputs:
        return False
    return graph.constants[node.input[1]].shape[1:] == (1, 1)


def _check_names(needed: set[str], given: set[str]) -> None:
    if missing := sorted(needed - given):
        raise ModelInvalid(f"the int8 ranges lack {len(missing)} tensors, the first {missing[0]!r}; measure them again")
    if unknown := sorted(given - needed):
        raise ModelInvalid(f"the int8 ranges name {unknown[0]!r}, which the network does not need; measure them again")


class _Writer:
    """Replaces the float nodes by quantised ones. Of a tensor t, "t/stored" has the 8-bit values, "t/float" the numbers
    they mean."""

    def __init__(self, graph: Graph, owners: Mapping[str, str], ranges: Ranges, weight_levels: int) -> None:
        self._graph = graph
        self._owners = owners
        self._weight_levels = weight_levels
        self._scales = {owner: scale_and_zero(*ranges[owner]) for owner in dict.fromkeys(owners.values())}
        self._nodes: list[Any] = []

    def write(self) -> None:
        """Replace the graph's nodes."""
        for owner, (scale, zero) in self._scales.items():
            self._graph.constants[f"{owner}/scale"] = np.array(scale, np.float32)
            self._graph.constants[f"{owner}/zero"] = np.array(zero, np.uint8)
        self._store(self._graph.input)
        for node in self._graph.nodes:
            if _is_integer_prelu(self._graph, node) and node.input[0] in self._owners:
                self._prelu(node)
            else:
                self._layer(node)
        self._graph.nodes[:] = self._nodes

    def _layer(self, node: Any) -> None:
        if node.op_type in ("Conv", "Gemm") and node.input[1] in self._graph.constants:
            self._weights(node)
        node.input[:] = [f"{name}/float" if name in self._owners else name for name in node.input]
        self._nodes.append(node)
        for tensor in node.output:
            self._store(tensor)

    def _prelu(self, node: Any) -> None:
        """max(x, slope x), with the product stored at the scale of x, so that the 8-bit values compare.

        The product is a depthwise 1x1 convolution: its kernel is twice as fast as QLinearMul's.
        """
        tensor, output = node.input[0], node.output[0]
        slopes = self._graph.constants[node.input[1]].reshape(-1, 1, 1, 1)
        slope = self._per_channel(
            f"{output}/slope", slopes, weight_scales(slopes, np.zeros(len(slopes)), 1.0, self._weight_levels)
        )
        self._add("Conv", [f"{tensor}/float", slope], f"{output}/product", group=len(slopes))
        self._add("QuantizeLinear", [f"{output}/product", *self._scale_of(tensor)], f"{output}/product/stored")
        self._add("Max", [f"{tensor}/stored", f"{output}/product/stored"], f"{output}/stored")
        self._add("DequantizeLinear", [f"{output}/stored", *self._scale_of(output)], f"{output}/float")

    def _store(self, tensor: str) -> None:
        """Quantise the tensor, and dequantise it for its readers."""
        if tensor in self._owners:
            self._add("QuantizeLinear", [tensor, *self._scale_of(tensor)], f"{tensor}/stored")
            self._add("DequantizeLinear", [f"{tensor}/stored", *self._scale_of(tensor)], f"{tensor}/float")

    def _scale_of(self, tensor: str) -> list[str]:
        return [f"{self._owners[tensor]}/scale", f"{self._owners[tensor]}/zero"]

    def _weights(self, layer: Any) -> None:
        """int8 weights per output channel, and the bias at the scale of the products."""
        if layer.op_type == "Gemm" and attributes(layer).get("transB", 0) != 1:
            raise ModelInvalid(f"Gemm {layer.output[0]!r} has its weights input channels first; set transB to 1")
        input_scale = self._scales[self._owners[layer.input[0]]][0]
        weights = self._graph.constants[layer.input[1]]
        bias = self._graph.constants[layer.input[2]] if len(layer.input) > 2 else np.zeros(len(weights), np.float32)
        scales = weight_scales(weights, bias, input_scale, self._weight_levels)
        products = scales * np.float32(input_scale)
        stored_bias = np.rint(bias.astype(np.float64) / products).astype(np.int32)
        name, zeros = layer.output[0], np.zeros(len(scales), np.int32)
        layer.input[:] = [
            layer.input[0],
            self._per_channel(f"{name}/weights", weights, scales),
            self._constant(f"{name}/bias", stored_bias, products, zeros),
        ]

    def _per_channel(self, name: str, weights: Array, scales: Array) -> str:
        """int8 weights with a scale per output channel."""
        stored = np.rint(weights / scales.reshape(-1, *[1] * (weights.ndim - 1))).astype(np.int8)
        return self._constant(name, stored, scales, np.zeros(len(scales), np.int8))

    def _constant(self, name: str, stored: Array, scale: Array, zero: Array) -> str:
        parts = {f"{name}/stored": stored, f"{name}/scale": scale, f"{name}/zero": zero}
        self._graph.constants.update(parts)
        self._add("DequantizeLinear", list(parts), f"{name}/float", axis=0)
        return f"{name}/float"

    def _add(self, op: str, inputs: list[str], output: str, **given: int) -> None:
        self._nodes.append(helper.make_node(op, inputs, [output], name=output, **given))


def scale_and_zero(least: float, greatest: float) -> tuple[float, int]:
    """(scale, zero point) of a range: value = scale x (stored - zero point), stored in 0..255.

    0 is always in the range and stored exactly, because padding writes zeros.
    """
    least, greatest = min(least, 0.0), max(greatest, 0.0)
    scale = float(np.float32(max((greatest - least) / LEVELS, SMALLEST_SCALE)))
    return scale, int(np.clip(np.rint(-least / scale), 0, LEVELS))


def weight_scales(weights: Array, bias: Array, input_scale: float, levels: int) -> Array:
    """(O,) float32: the largest weight of each output channel is stored as `levels`, and its bias fits into int32."""
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1) / levels
    for_bias = 2 * np.abs(bias.astype(np.float64)) / (input_scale * INT32_MAX)
    scales: Array = np.maximum(np.maximum(largest, for_bias), SMALLEST_SCALE).astype(np.float32)
    return scales
