"""Writes PyTorch files of the form before version 1.6, opcode by opcode: the tests have no PyTorch."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."
SIZES = b"\x80\x02}(" + b"X\x04\x00\x00\x00longK\x08u."
KINDS = {np.dtype(np.float32): b"FloatStorage", np.dtype(np.int64): b"LongStorage"}


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(values) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key: str, array: np.ndarray, *, offset: int = 0, elements: int | None = None, steps=None) -> bytes:
    """The call that rebuilds a tensor from a storage."""
    kind = b"ctorch\n" + KINDS[array.dtype] + b"\n"
    size = array.size if elements is None else elements
    storage = b"((" + text("storage") + kind + text(key) + text("cuda:0") + number(size) + b"NtQ"
    steps = [stride // array.itemsize for stride in array.strides] if steps is None else steps
    rest = number(offset) + numbers(array.shape) + numbers(steps) + b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + storage + rest + b"tR"


def state(tensors: Mapping[str, bytes]) -> bytes:
    """The pickle of tensors by name, with the state that PyTorch adds to it."""
    items = b"".join(text(name) + call for name, call in tensors.items())
    versions = b"}" + text("_metadata") + b"}s"
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u" + versions + b"b."


def listed(keys) -> bytes:
    return b"\x80\x02](" + b"".join(map(text, keys)) + b"e."


def storage(array: np.ndarray) -> bytes:
    return struct.pack("<q", array.size) + array.tobytes()


def torch_file(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A whole file, as `torch.save` of PyTorch 1.5 writes a state dictionary."""
    calls = {name: tensor(str(place), array) for place, (name, array) in enumerate(arrays.items())}
    keys = [str(place) for place in range(len(arrays))]
    stored = b"".join(map(storage, arrays.values()))
    return MAGIC + VERSION + SIZES + state(calls) + listed(keys) + stored
