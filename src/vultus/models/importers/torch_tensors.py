"""The tensors of a PyTorch file of the form before version 1.6 (2020), read without pickle: nothing in it is executed.

Such a file is three short pickles (a magic number, a version, sizes of types), one of the tensors by name, which refers
to storages by key, one of the keys, and then each storage: its number of elements, 8 bytes, and the elements.
PyTorch's torch/serialization.py, `_legacy_save`, writes it. The opcodes are read by `pickletools`, which only takes
them apart, and followed here by hand: one that is not needed for named tensors, or a name of Python that is none of
PyTorch's four, ends the reading.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ModelInvalid

Array = NDArray[Any]


MAGIC = 0x1950A86A20F9469CFC6C  # serialization.py, MAGIC_NUMBER
ZIP = b"PK\x03\x04"  # how a file of PyTorch 1.6 and later begins
MOST_OPCODES = 200_000  # a network of 370 tensors has 16,000
MOST_DIMENSIONS = 4
TYPES: Mapping[str, np.dtype[Any]] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_DICTIONARY, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_EMPTY: Mapping[str, Callable[[], Any]] = {"TUPLE": tuple, "DICT": dict, "LIST": list}
_MARK = object()


@dataclass(frozen=True)
class _Name:
    """A name of Python that the file refers to."""

    name: str


@dataclass(frozen=True)
class _Storage:
    """A storage that follows: its key, and what it holds."""

    key: str
    type: np.dtype[Any]
    elements: int


@dataclass(frozen=True)
class _Tensor:
    """A tensor: where its elements begin in a storage, and its shape; they lie one behind the other."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]


def read_tensors(data: bytes) -> dict[str, Array]:
    """The tensors by name, float32 or int64, of their own shapes.

    Raises: ModelInvalid when the bytes are no such file, are cut off, or hold anything but tensors.
    """
    if data.startswith(ZIP):
        raise _refused("it is of PyTorch 1.6 or later, a zip; the file that the model card names is of the form before")
    stream = io.BytesIO(data)
    try:
        if _Reading(stream).value() != MAGIC:
            raise _refused("it does not begin with PyTorch's number")
        _Reading(stream).value(), _Reading(stream).value()
        tensors, keys = _Reading(stream).value(), _Reading(stream).value()
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error, OverflowError) as exc:
        raise _refused("it is damaged, or its form is another") from exc
    if not isinstance(tensors, dict) or not all(isinstance(one, _Tensor) for one in tensors.values()):
        raise _refused("it does not hold tensors by name alone")
    storages = _storages(stream, keys, {one.storage.key: one.storage for one in tensors.values()})
    return {str(name): _elements(str(name), tensor, storages) for name, tensor in tensors.items()}


def _storages(stream: io.BytesIO, keys: Any, known: Mapping[str, _Storage]) -> dict[str, Array]:
    """The elements of each storage, in the order in which the file has them."""
    if not isinstance(keys, list) or len(keys) != len(known) or set(keys) != set(known):
        raise _refused("the storages that it lists are not those of its tensors")
    found: dict[str, Array] = {}
    for key in keys:
        storage, elements = known[key], int.from_bytes(stream.read(8), "little")
        content = stream.read(storage.elements * storage.type.itemsize)
        if elements != storage.elements or len(content) != elements * storage.type.itemsize:
            raise _refused("it is cut off, or a storage has another size than its tensor says")
        found[key] = np.frombuffer(content, storage.type)
    if stream.read(1):
        raise _refused("something follows its last storage")
    return found


def _elements(name: str, tensor: _Tensor, storages: Mapping[str, Array]) -> Array:
    size = int(np.prod(tensor.shape, dtype=np.int64))
    elements = storages[tensor.storage.key][tensor.offset : tensor.offset + size]
    if len(elements) != size:
        raise _refused(f"the tensor {name[:80]!r} reaches beyond its storage")
    return elements.reshape(tensor.shape)


class _Reading:
    """Follows the opcodes of one pickle, with a stack and a memory of its own."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream
        self._stack: list[Any] = []
        self._memory: dict[int, Any] = {}
        self._steps: dict[str, Callable[[Any], None]] = {
            **dict.fromkeys(("PROTO",), lambda _: None),
            **dict.fromkeys(("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"), self._stack.append),
            **{name: self._constant(value) for name, value in (("NONE", None), ("NEWFALSE", False), ("NEWTRUE", True))},
            **{
                name: self._empty(kind)
                for name, kind in (("EMPTY_TUPLE", tuple), ("EMPTY_DICT", dict), ("EMPTY_LIST", list))
            },
            **{f"TUPLE{size}": self._tuple_of(size) for size in (1, 2, 3)},
            **dict.fromkeys(("BINPUT", "LONG_BINPUT"), self._remember),
            **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda place: self._stack.append(self._memory[place])),
            "MARK": lambda _: self._stack.append(_MARK),
            "TUPLE": lambda _: self._stack.append(tuple(self._to_mark())),
            "GLOBAL": self._name,
            "BINPERSID": lambda _: self._stack.append(_storage(self._stack.pop())),
            "REDUCE": lambda _: self._call(),
            "SETITEM": lambda _: self._set(self._taken(2)),
            "SETITEMS": lambda _: self._set(self._to_mark()),
            "APPENDS": lambda _: self._append(self._to_mark()),
            "BUILD": lambda _: self._ignore_state(),
        }

    def value(self) -> Any:
        """What the pickle stands for, of the kinds that named tensors need. Raises: ModelInvalid and others."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self._stream)):
            if opcode.name == "STOP":
                return self._stack.pop()
            if opcode.name not in self._steps or count > MOST_OPCODES:
                raise _refused(f"it is a pickle with {opcode.name}, which no file of tensors has; it is not executed")
            self._steps[opcode.name](argument)
        raise _refused("it is cut off")

    def _constant(self, value: Any) -> Callable[[Any], None]:
        return lambda _: self._stack.append(value)

    def _empty(self, kind: Callable[[], Any]) -> Callable[[Any], None]:
        return lambda _: self._stack.append(kind())

    def _tuple_of(self, size: int) -> Callable[[Any], None]:
        return lambda _: self._stack.append(tuple(self._taken(size)))

    def _taken(self, count: int) -> list[Any]:
        taken = self._stack[-count:]
        del self._stack[-count:]
        return taken

    def _to_mark(self) -> list[Any]:
        """What lies above the last mark, which goes too."""
        place = next(i for i in range(len(self._stack) - 1, -1, -1) if self._stack[i] is _MARK)
        above = self._stack[place + 1 :]
        del self._stack[place:]
        return above

    def _remember(self, place: int) -> None:
        self._memory[place] = self._stack[-1]

    def _name(self, name: str) -> None:
        if name not in (_DICTIONARY, _TENSOR, *TYPES):
            shown = name.replace(" ", ".")[:80]
            raise _refused(f"it is a pickle that would call {shown!r}; it is not executed, and must not be by others")
        self._stack.append(_Name(name))

    def _call(self) -> None:
        called, arguments = self._taken(2)
        if called == _Name(_DICTIONARY) and arguments == ():
            self._stack.append({})
        elif called == _Name(_TENSOR):
            self._stack.append(_tensor(arguments))
        else:
            raise _refused("it calls something with other arguments than a tensor has")

    def _set(self, pairs: list[Any]) -> None:
        self._stack[-1].update(zip(pairs[::2], pairs[1::2], strict=True))

    def _append(self, values: list[Any]) -> None:
        self._stack[-1].extend(values)

    def _ignore_state(self) -> None:
        """The versions of the layers, which PyTorch keeps beside the tensors."""
        self._stack.pop()


def _storage(named: Any) -> _Storage:
    kind, type_, key, _device, elements, view = named
    if kind != "storage" or not isinstance(type_, _Name) or view is not None or not isinstance(elements, int):
        raise _refused("it refers to something that is no storage of numbers")
    return _Storage(str(key), TYPES[type_.name], elements)


def _tensor(arguments: Any) -> _Tensor:
    storage, offset, shape, steps, *_ = arguments
    sizes = [*shape, offset]
    if not isinstance(storage, _Storage) or len(shape) > MOST_DIMENSIONS or any(type(one) is not int for one in sizes):
        raise _refused("a tensor has no storage, or is of another kind")
    if min(sizes, default=0) < 0 or tuple(steps) != _steps(shape):
        raise _refused("the elements of a tensor do not lie one behind the other")
    return _Tensor(storage, offset, tuple(shape))


def _steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The elements between two neighbours in each dimension of an array in C's order."""
    return tuple(int(np.prod(shape[place + 1 :], dtype=np.int64)) for place in range(len(shape)))


def _refused(why: str) -> ModelInvalid:
    return ModelInvalid(f"the file is no PyTorch file of tensors: {why}")
