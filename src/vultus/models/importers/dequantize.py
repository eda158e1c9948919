"""ONNX files whose stored weights are 8-bit blocks -> ordinary float32 ONNX.

OpenCV Zoo's "int8bq" files compute in float: DequantizeLinear and a Reshape on constants restore each weight. Doing
that once gives the same numbers, and lets the input's size become dynamic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import numpy_helper

from vultus.errors import ModelInvalid
from vultus.models.importers.prelu_convolutions import write_prelus_as_convolutions

Array = NDArray[Any]


def dequantize(data: bytes, dynamic_axes: Mapping[int, str]) -> bytes:
    """Fold the quantised constants of an ONNX model into float32; the result is the same bytes every time.

    PReLUs are written as convolutions, which are faster (`prelu_convolutions`).

    dynamic_axes: axis of the model's one input -> name of its size, e.g. {2: "H", 3: "W"}; the fixed sizes of the
    outputs are cleared, so that the runtime infers them.

    Raises: ModelInvalid when the bytes are no ONNX model, an activation is quantised, or the inputs are not one.
    """
    model = _read(data)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    folded: dict[str, Array] = {}
    kept = [node for node in graph.node if not _fold(node, constants, folded)]
    _replace(graph.node, kept)
    _replace(graph.initializer, _needed(graph, constants, folded))
    read = {name for node in graph.node for name in node.input}
    _replace(graph.input, [value for value in graph.input if value.name in read - constants.keys()])
    del graph.value_info[:]  # the shapes between the layers are wrong as soon as an axis is dynamic
    _make_dynamic(graph, dynamic_axes)
    serialized: bytes = model.SerializeToString(deterministic=True)
    return write_prelus_as_convolutions(serialized) if any(node.op_type == "PRelu" for node in kept) else serialized


def _read(data: bytes) -> Any:
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as exc:
        raise ModelInvalid(f"the file of {len(data)} bytes is no ONNX model; fetch the file again") from exc
    if not model.graph.node:
        raise ModelInvalid(f"the ONNX file of {len(data)} bytes has no nodes; fetch the file again")
    return model


def _replace(repeated: Any, items: list[Any]) -> None:
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    del repeated[:]
    repeated.extend(copies)


def _fold(node: Any, constants: Mapping[str, Any], folded: dict[str, Array]) -> bool:
    """Compute the node if it only restores a constant, and keep its output in `folded`. Returns whether it did."""
    if node.op_type == "DequantizeLinear":
        folded[node.output[0]] = _restore(node, [_constant(name, constants, node) for name in node.input if name])
        return True
    if node.op_type == "Reshape" and node.input[0] in folded:
        shape = _constant(node.input[1], constants, node)
        folded[node.output[0]] = _reshape(node, folded[node.input[0]], shape)
        return True
    return False


def _constant(name: str, constants: Mapping[str, Any], node: Any) -> Array:
    if name not in constants:
        raise ModelInvalid(
            f"{node.op_type} {node.output[0]!r} reads {name!r}, which is no constant; "
            "only models whose weights alone are quantised can be restored"
        )
    array: Array = numpy_helper.to_array(constants[name])
    return array


def _attributes(node: Any) -> dict[str, Any]:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def _restore(node: Any, inputs: list[Array]) -> Array:
    """(x - zero point) x scale, per tensor, per axis or per block: ONNX operator DequantizeLinear, version 21."""
    quantised, scale = inputs[:2]
    attributes = _attributes(node)
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    wide = quantised.astype(np.int32)
    try:
        if len(inputs) > 2:
            wide = wide - _spread(inputs[2].astype(np.int32), quantised.shape, axis, block)
        restored: Array = wide.astype(np.float32) * _spread(scale.astype(np.float32), quantised.shape, axis, block)
    except (ValueError, IndexError) as exc:
        raise ModelInvalid(
            f"DequantizeLinear {node.output[0]!r} has scales {scale.shape} for weights {quantised.shape} "
            f"(axis {axis}, blocks of {block}), which do not fit"
        ) from exc
    return restored


def _spread(values: Array, shape: tuple[int, ...], axis: int, block: int) -> Array:
    """Repeat scales or zero points over the values they apply to, so that they broadcast against `shape`."""
    # OpenCV Zoo's files keep block_size on biases with one scale, which onnxruntime refuses: one scale needs no blocks.
    if block and values.size > 1:
        return np.repeat(values, block, axis=axis).take(range(shape[axis]), axis=axis)
    if values.size == 1:
        return values.reshape(())
    return values.reshape([-1 if index == axis % len(shape) else 1 for index in range(len(shape))])


def _reshape(node: Any, array: Array, shape: Array) -> Array:
    """0 keeps the input's size, -1 takes the rest: ONNX operator Reshape."""
    sizes = [int(size) for size in shape]
    if not _attributes(node).get("allowzero", 0):
        sizes = [size or array.shape[index] for index, size in enumerate(sizes) if size or index < array.ndim]
    try:
        return array.reshape(sizes)
    except ValueError as exc:
        raise ModelInvalid(f"Reshape {node.output[0]!r} cannot give {array.shape} the shape {sizes}") from exc


def _needed(graph: Any, constants: Mapping[str, Any], folded: Mapping[str, Array]) -> list[Any]:
    """The constants that the remaining nodes read, in the order of reading; the restored ones are float32."""
    names = [name for node in graph.node for name in node.input] + [value.name for value in graph.output]
    restored = {name: numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in folded.items()}
    available = {**constants, **restored}
    return [available[name] for name in dict.fromkeys(names) if name in available]


def _make_dynamic(graph: Any, dynamic_axes: Mapping[int, str]) -> None:
    if not dynamic_axes:
        return
    if len(graph.input) != 1:
        raise ModelInvalid(f"the model has {len(graph.input)} inputs; only a model with one can be made dynamic")
    dimensions = graph.input[0].type.tensor_type.shape.dim
    for axis, name in dynamic_axes.items():
        if not 0 <= axis < len(dimensions):
            raise ModelInvalid(f"the model's input has {len(dimensions)} axes; axis {axis} ({name}) cannot be dynamic")
        dimensions[axis].dim_param = name
    for output in graph.output:
        for dimension in output.type.tensor_type.shape.dim:
            dimension.Clear()
