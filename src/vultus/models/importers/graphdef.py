"""Reads TensorFlow's frozen GraphDef files without TensorFlow and without generated protobuf classes.

A GraphDef is a protobuf message. Only the parts of a frozen graph are read: nodes with name, op, inputs and attributes,
and the tensors of `Const` nodes. Field numbers: tensorflow/core/framework/graph.proto, node_def.proto,
attr_value.proto, tensor.proto, tensor_shape.proto, types.proto (Apache-2.0).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.models.importers.protobuf_wire import (
    FIXED32,
    FIXED64,
    VARINT,
    Value,
    fields_of,
    invalid_graph,
    message_of,
    number_of,
    text_of,
    varints_of,
)

Tensor = NDArray[Any]
Attribute = int | float | bool | bytes | tuple[int, ...] | Tensor | None

_MAX_ELEMENTS = 1 << 28  # 1 GiB of float32; a larger shape means a damaged file, not a face model
# DataType -> (numpy type, the TensorProto field that holds its values one by one, how those are encoded)
_DTYPES: dict[int, tuple[np.dtype[Any], int, int]] = {
    1: (np.dtype("<f4"), 5, FIXED32),
    2: (np.dtype("<f8"), 6, FIXED64),
    3: (np.dtype("<i4"), 7, VARINT),
    9: (np.dtype("<i8"), 10, VARINT),
}


@dataclass(frozen=True, eq=False)
class Node:
    """One node: `inputs` are names of nodes; `attributes` holds numbers, bytes, lists of integers and tensors."""

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attributes: dict[str, Attribute] = field(default_factory=dict)

    @property
    def tensor(self) -> Tensor | None:
        """The constant of a `Const` node; None for every other node."""
        value = self.attributes.get("value")
        return value if isinstance(value, np.ndarray) else None


def read_graph(data: bytes) -> dict[str, Node]:
    """Parse a frozen GraphDef into its nodes by name, in the file's order; tensors are views of `data`.

    Raises: ModelInvalid when the bytes are truncated, malformed or hold an unsupported type.
    """
    nodes: dict[str, Node] = {}
    for number, value in fields_of(memoryview(data)):
        if number != 1:
            continue
        node = _node(message_of(value))
        if node.name in nodes:
            raise invalid_graph(f"two nodes are named {node.name!r}")
        nodes[node.name] = node
    if not nodes:
        raise invalid_graph("it holds no nodes")
    return nodes


def _node(data: memoryview) -> Node:
    name = op = ""
    inputs: list[str] = []
    attributes: dict[str, Attribute] = {}
    for number, value in fields_of(data):
        if number == 1:
            name = text_of(value)
        elif number == 2:
            op = text_of(value)
        elif number == 3:
            inputs.append(text_of(value))
        elif number == 5:
            key, attribute = _entry(message_of(value))
            attributes[key] = attribute
    return Node(name, op, tuple(inputs), attributes)


def _entry(data: memoryview) -> tuple[str, Attribute]:
    """One entry of the map of attributes: key 1, value 2."""
    key, attribute = "", None
    for number, value in fields_of(data):
        if number == 1:
            key = text_of(value)
        elif number == 2:
            attribute = _attribute(message_of(value))
    return key, attribute


def _attribute(data: memoryview) -> Attribute:
    """One AttrValue; None for the kinds that a frozen face model does not need (shapes, functions)."""
    for number, value in fields_of(data):
        if number == 1:
            return _integers(message_of(value))
        if number == 2:
            return bytes(message_of(value))
        if number in (3, 6):
            return number_of(value)
        if number == 4:
            return _float32(message_of(value))
        if number == 5:
            return bool(number_of(value))
        if number == 8:
            return _tensor(message_of(value))
    return None


def _float32(data: memoryview) -> float:
    if len(data) != 4:
        raise invalid_graph(f"a 32-bit number has {len(data)} bytes")
    return float(struct.unpack("<f", data)[0])


def _integers(data: memoryview) -> tuple[int, ...]:
    """The integers of a ListValue, its field 3; its other kinds are ignored."""
    return tuple(number for field_number, value in fields_of(data) if field_number == 3 for number in varints_of(value))


def _tensor(data: memoryview) -> Tensor:
    kind = 0
    shape: tuple[int, ...] = ()
    content: memoryview | None = None
    parts: dict[int, list[Value]] = {}
    for number, value in fields_of(data):
        if number == 1:
            kind = number_of(value)
        elif number == 2:
            shape = _shape(message_of(value))
        elif number == 4:
            content = message_of(value)
        else:
            parts.setdefault(number, []).append(value)
    if kind not in _DTYPES:
        raise invalid_graph(f"a constant has data type {kind}; float32, float64, int32 and int64 are read")
    dtype, values_field, wire = _DTYPES[kind]
    flat = _from_bytes(content, dtype) if content is not None else _listed(parts.get(values_field, []), dtype, wire)
    return _shaped(flat, shape)


def _shape(data: memoryview) -> tuple[int, ...]:
    """The sizes of a TensorShapeProto: dim 2, each with size 1 (0 when absent)."""
    sizes = []
    for number, value in fields_of(data):
        if number == 2:
            size = 0
            for key, item in fields_of(message_of(value)):
                size = number_of(item) if key == 1 else size
            sizes.append(size)
    if any(size < 0 for size in sizes) or math.prod(sizes) > _MAX_ELEMENTS:
        raise invalid_graph(f"a constant has the shape {tuple(sizes)}")
    return tuple(sizes)


def _from_bytes(data: memoryview, dtype: np.dtype[Any]) -> Tensor:
    if len(data) % dtype.itemsize:
        raise invalid_graph(f"a constant of {dtype.itemsize}-byte numbers has {len(data)} bytes")
    return np.frombuffer(data, dtype)


def _listed(values: list[Value], dtype: np.dtype[Any], wire: int) -> Tensor:
    """The values given one by one or packed, in the file's order."""
    if wire == VARINT:
        numbers = [number for value in values for number in varints_of(value)]
        if any(not np.iinfo(dtype).min <= number <= np.iinfo(dtype).max for number in numbers):
            raise invalid_graph(f"a constant of type {dtype.name} holds a number outside its range")
        return np.array(numbers, dtype)
    return _from_bytes(memoryview(b"".join(message_of(value) for value in values)), dtype)


def _shaped(flat: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Fill `shape`; a single value stands for all of them (the comment of TensorProto.float_val and others)."""
    elements = math.prod(shape)
    if flat.size == 1 and elements != 1:
        return np.full(shape, flat[0])
    if flat.size != elements:
        raise invalid_graph(f"a constant of shape {shape} has {flat.size} values")
    return flat.reshape(shape)
