"""Reads TensorFlow's frozen GraphDef files without TensorFlow and without generated protobuf classes.

A GraphDef is a protobuf message. Only the parts of a frozen graph are read: nodes with name, op, inputs and attributes,
and the tensors of `Const` nodes. Field numbers: tensorflow/core/framework/graph.proto, node_def.proto,
attr_value.proto, tensor.proto, tensor_shape.proto, types.proto (Apache-2.0). Wire format: the encoding page of the
Protocol Buffers documentation.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ModelInvalid

Tensor = NDArray[Any]
Attribute = int | float | bool | bytes | tuple[int, ...] | Tensor | None
_Value = int | memoryview

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_MAX_ELEMENTS = 1 << 28  # 1 GiB of float32; a larger shape means a damaged file, not a face model
# DataType -> (numpy type, the TensorProto field that holds its values one by one, how those are encoded)
_DTYPES: dict[int, tuple[np.dtype[Any], int, int]] = {
    1: (np.dtype("<f4"), 5, _FIXED32),
    2: (np.dtype("<f8"), 6, _FIXED64),
    3: (np.dtype("<i4"), 7, _VARINT),
    9: (np.dtype("<i8"), 10, _VARINT),
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
    for number, value in _fields(memoryview(data)):
        if number != 1:
            continue
        node = _node(_message(value))
        if node.name in nodes:
            raise _invalid(f"two nodes are named {node.name!r}")
        nodes[node.name] = node
    if not nodes:
        raise _invalid("it holds no nodes")
    return nodes


def _invalid(what: str) -> ModelInvalid:
    return ModelInvalid(f"the file is no TensorFlow GraphDef that can be read: {what}; fetch the file again")


def _fields(data: memoryview) -> Iterator[tuple[int, _Value]]:
    """The (field number, value) pairs of one message; a value is an integer or the bytes of the field."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        size, position = _size(data, position, wire)
        if size > len(data) - position:
            raise _invalid(f"field {number} asks for {size} bytes where {len(data) - position} are left")
        yield number, data[position : position + size]
        position += size


def _size(data: memoryview, position: int, wire: int) -> tuple[int, int]:
    if wire == _LENGTH:
        return _varint(data, position)
    if wire == _FIXED32:
        return 4, position
    if wire == _FIXED64:
        return 8, position
    raise _invalid(f"wire type {wire} at byte {position} does not exist")


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    result = 0
    for index, byte in enumerate(data[position : position + _MAX_VARINT_BYTES]):
        result |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return result, position + index + 1
    raise _invalid(f"the number at byte {position} does not end")


def _message(value: _Value) -> memoryview:
    if isinstance(value, int):
        raise _invalid(f"the number {value} stands where a message belongs")
    return value


def _number(value: _Value) -> int:
    """A varint as a signed 64-bit integer."""
    if not isinstance(value, int):
        raise _invalid("bytes stand where a number belongs")
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _text(value: _Value) -> str:
    try:
        return bytes(_message(value)).decode()
    except UnicodeDecodeError as exc:
        raise _invalid("a name is not UTF-8 text") from exc


def _node(data: memoryview) -> Node:
    name = op = ""
    inputs: list[str] = []
    attributes: dict[str, Attribute] = {}
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            op = _text(value)
        elif number == 3:
            inputs.append(_text(value))
        elif number == 5:
            key, attribute = _entry(_message(value))
            attributes[key] = attribute
    return Node(name, op, tuple(inputs), attributes)


def _entry(data: memoryview) -> tuple[str, Attribute]:
    """One entry of the map of attributes: key 1, value 2."""
    key, attribute = "", None
    for number, value in _fields(data):
        if number == 1:
            key = _text(value)
        elif number == 2:
            attribute = _attribute(_message(value))
    return key, attribute


def _attribute(data: memoryview) -> Attribute:
    """One AttrValue; None for the kinds that a frozen face model does not need (shapes, functions)."""
    for number, value in _fields(data):
        if number == 1:
            return _integers(_message(value))
        if number == 2:
            return bytes(_message(value))
        if number in (3, 6):
            return _number(value)
        if number == 4:
            return _float32(_message(value))
        if number == 5:
            return bool(_number(value))
        if number == 8:
            return _tensor(_message(value))
    return None


def _float32(data: memoryview) -> float:
    if len(data) != 4:
        raise _invalid(f"a 32-bit number has {len(data)} bytes")
    return float(struct.unpack("<f", data)[0])


def _integers(data: memoryview) -> tuple[int, ...]:
    """The integers of a ListValue, its field 3; its other kinds are ignored."""
    return tuple(number for field_number, value in _fields(data) if field_number == 3 for number in _varints(value))


def _varints(value: _Value) -> Iterator[int]:
    """One integer, or the integers of a packed field."""
    if isinstance(value, int):
        yield _number(value)
        return
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        yield _number(number)


def _tensor(data: memoryview) -> Tensor:
    kind = 0
    shape: tuple[int, ...] = ()
    content: memoryview | None = None
    parts: dict[int, list[_Value]] = {}
    for number, value in _fields(data):
        if number == 1:
            kind = _number(value)
        elif number == 2:
            shape = _shape(_message(value))
        elif number == 4:
            content = _message(value)
        else:
            parts.setdefault(number, []).append(value)
    if kind not in _DTYPES:
        raise _invalid(f"a constant has data type {kind}; float32, float64, int32 and int64 are read")
    dtype, values_field, wire = _DTYPES[kind]
    flat = _from_bytes(content, dtype) if content is not None else _listed(parts.get(values_field, []), dtype, wire)
    return _shaped(flat, shape)


def _shape(data: memoryview) -> tuple[int, ...]:
    """The sizes of a TensorShapeProto: dim 2, each with size 1 (0 when absent)."""
    sizes = []
    for number, value in _fields(data):
        if number == 2:
            size = 0
            for key, item in _fields(_message(value)):
                size = _number(item) if key == 1 else size
            sizes.append(size)
    if any(size < 0 for size in sizes) or math.prod(sizes) > _MAX_ELEMENTS:
        raise _invalid(f"a constant has the shape {tuple(sizes)}")
    return tuple(sizes)


def _from_bytes(data: memoryview, dtype: np.dtype[Any]) -> Tensor:
    if len(data) % dtype.itemsize:
        raise _invalid(f"a constant of {dtype.itemsize}-byte numbers has {len(data)} bytes")
    return np.frombuffer(data, dtype)


def _listed(values: list[_Value], dtype: np.dtype[Any], wire: int) -> Tensor:
    """The values given one by one or packed, in the file's order."""
    if wire == _VARINT:
        numbers = [number for value in values for number in _varints(value)]
        if any(not np.iinfo(dtype).min <= number <= np.iinfo(dtype).max for number in numbers):
            raise _invalid(f"a constant of type {dtype.name} holds a number outside its range")
        return np.array(numbers, dtype)
    return _from_bytes(memoryview(b"".join(_message(value) for value in values)), dtype)


def _shaped(flat: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Fill `shape`; a single value stands for all of them (the comment of TensorProto.float_val and others)."""
    elements = math.prod(shape)
    if flat.size == 1 and elements != 1:
        return np.full(shape, flat[0])
    if flat.size != elements:
        raise _invalid(f"a constant of shape {shape} has {flat.size} values")
    return flat.reshape(shape)
