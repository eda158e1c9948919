"""Upstream weights -> ONNX: the importers by the name that a model card uses.

Each is imported when it is used: a start with prepared files does not load `onnx` at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vultus.models.precision import WeightBits

DynamicAxes = Mapping[int, str]
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Importer:
    """`convert`: (source bytes, dynamic axes) -> ONNX bytes, the same for the same source. `version` counts up when
    its output changes, so that files made by an older one are made again. Raises ModelInvalid."""

    version: int
    convert: Callable[[bytes, DynamicAxes], bytes]


@dataclass(frozen=True)
class Quantizer:
    """`convert`: (float ONNX bytes, tensor -> (least, greatest) value) -> int8 ONNX bytes, the same for the same input.
    `version` counts up when its output changes; `weight_bits` are those of the weights it writes, for one kind of
    processor (`models.cpu.int8_weight_bits`). Raises ModelInvalid."""

    version: int
    convert: Callable[[bytes, Ranges], bytes]
    weight_bits: WeightBits = 8


def _facenet_graphdef(data: bytes, _: DynamicAxes) -> bytes:
    from vultus.models.importers.facenet_graphdef import convert_facenet_graphdef

    return convert_facenet_graphdef(data)


def _dequantize(data: bytes, dynamic_axes: DynamicAxes) -> bytes:
    from vultus.models.importers.dequantize import dequantize

    return dequantize(data, dynamic_axes)


def _keras_hdf5(data: bytes, _: DynamicAxes) -> bytes:
    from vultus.models.importers.keras_hdf5 import convert_keras_hdf5

    return convert_keras_hdf5(data)


def _dlib_dat(data: bytes, _: DynamicAxes) -> bytes:
    from vultus.models.importers.dlib_dat import convert_dlib_dat

    return convert_dlib_dat(data)


def _quantize_to_8_bits(data: bytes, ranges: Ranges) -> bytes:
    from vultus.models.importers.quantize import quantize

    return quantize(data, ranges, weight_bits=8)


def _quantize_to_7_bits(data: bytes, ranges: Ranges) -> bytes:
    from vultus.models.importers.quantize import quantize

    return quantize(data, ranges, weight_bits=7)


QUANTIZERS: Mapping[WeightBits, Quantizer] = {
    8: Quantizer(2, _quantize_to_8_bits, 8),
    7: Quantizer(2, _quantize_to_7_bits, 7),
}

IMPORTERS: Mapping[str, Importer] = {
    "facenet_graphdef": Importer(1, _facenet_graphdef),
    "keras_hdf5": Importer(1, _keras_hdf5),
    "dequantize": Importer(1, _dequantize),
    "dlib_dat": Importer(1, _dlib_dat),
}
