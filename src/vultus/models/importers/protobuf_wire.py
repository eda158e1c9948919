"""The wire format of Protocol Buffers, as far as frozen graphs use it: the fields of a message, numbers and texts.

Source: the encoding page of the Protocol Buffers documentation. Every function raises ModelInvalid where the bytes are
no such message.
"""

from __future__ import annotations

from collections.abc import Iterator

from vultus.errors import ModelInvalid

Value = int | memoryview

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


def invalid_graph(what: str) -> ModelInvalid:
    return ModelInvalid(f"the file is no TensorFlow GraphDef that can be read: {what}; fetch the file again")


def fields_of(data: memoryview) -> Iterator[tuple[int, Value]]:
    """The (field number, value) pairs of one message; a value is an integer or the bytes of the field."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        size, position = _size(data, position, wire)
        if size > len(data) - position:
            raise invalid_graph(f"field {number} asks for {size} bytes where {len(data) - position} are left")
        yield number, data[position : position + size]
        position += size


def _size(data: memoryview, position: int, wire: int) -> tuple[int, int]:
    if wire == LENGTH:
        return _varint(data, position)
    if wire == FIXED32:
        return 4, position
    if wire == FIXED64:
        return 8, position
    raise invalid_graph(f"wire type {wire} at byte {position} does not exist")


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    result = 0
    for index, byte in enumerate(data[position : position + _MAX_VARINT_BYTES]):
        result |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return result, position + index + 1
    raise invalid_graph(f"the number at byte {position} does not end")


def message_of(value: Value) -> memoryview:
    if isinstance(value, int):
        raise invalid_graph(f"the number {value} stands where a message belongs")
    return value


def number_of(value: Value) -> int:
    """A varint as a signed 64-bit integer."""
    if not isinstance(value, int):
        raise invalid_graph("bytes stand where a number belongs")
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def text_of(value: Value) -> str:
    try:
        return bytes(message_of(value)).decode()
    except UnicodeDecodeError as exc:
        raise invalid_graph("a name is not UTF-8 text") from exc


def varints_of(value: Value) -> Iterator[int]:
    """One integer, or the integers of a packed field."""
    if isinstance(value, int):
        yield number_of(value)
        return
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        yield number_of(number)
