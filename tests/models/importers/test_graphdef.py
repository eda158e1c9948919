"""The GraphDef reader, on files written byte by byte, and on damaged ones."""

import contextlib
import struct

import numpy as np
import pytest

from vultus.errors import ModelInvalid
from vultus.models.importers.graphdef import read_graph


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(name: str, op: str, *inputs: str, **attributes: bytes) -> bytes:
    body = field(1, name.encode()) + field(2, op.encode())
    body += b"".join(field(3, name.encode()) for name in inputs)
    body += b"".join(field(5, field(1, key.encode()) + field(2, value)) for key, value in attributes.items())
    return field(1, body)


def tensor(kind: int, shape: tuple[int, ...], values: bytes) -> bytes:
    dims = b"".join(field(2, field(1, size)) for size in shape)
    return field(8, field(1, kind) + field(2, dims) + values)


def constant(kind: int, shape: tuple[int, ...], values: bytes) -> np.ndarray:
    found = read_graph(node("c", "Const", value=tensor(kind, shape, values)))["c"].tensor
    assert found is not None
    return found


def test_nodes_keep_name_op_inputs_and_order():
    nodes = read_graph(node("x", "Placeholder") + node("y", "Relu", "x") + node("z", "Add", "x", "y:0"))
    assert list(nodes) == ["x", "y", "z"]
    assert (nodes["z"].op, nodes["z"].inputs) == ("Add", ("x", "y:0"))
    assert nodes["y"].tensor is None


def test_attributes_of_every_kind_are_read():
    attributes = read_graph(
        node(
            "n",
            "Conv2D",
            padding=field(2, b"SAME"),
            count=field(3, -2),
            epsilon=varint(4 << 3 | 5) + struct.pack("<f", 0.5),
            training=field(5, 1),
            type=field(6, 1),
            strides=field(1, field(3, varint(1) + varint(2) + varint(300))),
            shape=field(7, b""),
        )
    )["n"].attributes
    assert attributes == {
        "padding": b"SAME",
        "count": -2,
        "epsilon": 0.5,
        "training": True,
        "type": 1,
        "strides": (1, 2, 300),
        "shape": None,
    }


def test_raw_content_fills_the_shape():
    raw = np.arange(6, dtype="<f4")
    np.testing.assert_array_equal(constant(1, (2, 3), field(4, raw.tobytes())), raw.reshape(2, 3))


def test_one_value_stands_for_all():
    np.testing.assert_array_equal(
        constant(1, (2, 2), field(5, struct.pack("<f", 1.5))), np.full((2, 2), 1.5, np.float32)
    )


def test_packed_and_single_integers_are_read():
    assert constant(3, (3,), field(7, varint(1) + varint(-1)) + field(7, 7)).tolist() == [1, -1, 7]
    assert constant(9, (), field(10, 1 << 40)).tolist() == 1 << 40


def test_unpacked_floats_are_read():
    values = b"".join(varint(5 << 3 | 5) + struct.pack("<f", number) for number in (1, 2))
    assert constant(1, (2,), values).tolist() == [1, 2]


WHOLE = node("x", "Placeholder") + node("c", "Const", value=tensor(1, (2,), field(4, struct.pack("<2f", 1, 2))))


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_truncated_bytes_never_read_as_the_whole(length):
    try:
        nodes = read_graph(WHOLE[:length])
    except ModelInvalid:
        return
    assert list(nodes) == ["x"]  # cut exactly between the two nodes


@pytest.mark.parametrize("position", range(len(WHOLE)))
@pytest.mark.parametrize("byte", [0x00, 0x7F, 0x80, 0xFF])
def test_changed_bytes_raise_nothing_but_model_invalid(position, byte):
    damaged = bytearray(WHOLE)
    damaged[position] = byte
    with contextlib.suppress(ModelInvalid):
        read_graph(bytes(damaged))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it holds no nodes"),
        (b"\x0b\x00", "wire type 3"),
        (b"\x80" * 11, "does not end"),
        (field(1, 5), "stands where a message belongs"),
        (node("x", "A") + node("x", "B"), "two nodes are named 'x'"),
        (field(1, field(1, b"\xff")), "not UTF-8"),
        (node("c", "Const", value=tensor(7, (), b"")), "data type 7"),
        (node("c", "Const", value=tensor(1, (2,), field(4, b"123"))), "has 3 bytes"),
        (node("c", "Const", value=tensor(1, (3,), field(4, bytes(8)))), "of shape (3,) has 2 values"),
        (node("c", "Const", value=tensor(1, (-1,), field(4, bytes(4)))), "has the shape (-1,)"),
        (node("c", "Const", value=tensor(1, (1 << 40,), field(5, bytes(4)))), "has the shape"),
        (node("c", "Const", value=tensor(3, (1,), field(7, 1 << 40))), "outside its range"),
    ],
)
def test_damage_is_named(data, said):
    with pytest.raises(ModelInvalid) as caught:
        read_graph(data)
    assert said in str(caught.value)
