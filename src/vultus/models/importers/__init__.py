"""Upstream weights -> ONNX: the importers by their names in model cards, and the quantisers by the bits of weights.

Each importer's module is loaded at its first use: a start with prepared files does not load `onnx`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from vultus.errors import ModelNotInstalled
from vultus.models.precision import WeightBits

DynamicAxes = Mapping[int, str]
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Importer:
    """convert: (source bytes, dynamic axes) -> ONNX bytes, the same for the same source; raises ModelInvalid.

    version: counts up when the output changes, so that files made by an older version are made again.
    """

    version: int
    convert: Callable[[bytes, DynamicAxes], bytes]


@dataclass(frozen=True)
class Quantizer:
    """convert: (float ONNX bytes, tensor -> (least, greatest) value) -> int8 ONNX bytes, the same for the same input;
    raises ModelInvalid.

    version: counts up when the output changes. weight_bits: of the weights that are written, chosen by the processor
    (`models.precision.int8_weight_bits`).
    """

    version: int
    convert: Callable[[bytes, Ranges], bytes]
    weight_bits: WeightBits = 8


def _at_first_use(module: str, function: str) -> Callable[..., bytes]:
    """The function of a module in this package; the module is imported when the function is first called."""

    def call(*arguments: Any, **options: Any) -> bytes:
        try:
            convert: Callable[..., bytes] = getattr(import_module(f"{__name__}.{module}"), function)
        except ModuleNotFoundError as exc:
            raise ModelNotInstalled(
                f"weights cannot be converted without the Python package {exc.name}, which a container image leaves "
                "out; prepare the model where Vultus is installed by make, and copy its model folder"
            ) from exc
        return convert(*arguments, **options)

    return call


def _with_fixed_axes(convert: Callable[[bytes], bytes]) -> Callable[[bytes, DynamicAxes], bytes]:
    """An importer whose networks have no dynamic axes; a card that gives any is refused."""
    return lambda data, _: convert(data)


_quantize = _at_first_use("quantize", "quantize")

QUANTIZERS: Mapping[WeightBits, Quantizer] = {
    8: Quantizer(2, partial(_quantize, weight_bits=8), 8),
    7: Quantizer(2, partial(_quantize, weight_bits=7), 7),
}

IMPORTERS: Mapping[str, Importer] = {
    "facenet_graphdef": Importer(1, _with_fixed_axes(_at_first_use("facenet_graphdef", "convert_facenet_graphdef"))),
    "keras_hdf5": Importer(1, _with_fixed_axes(_at_first_use("keras_hdf5", "convert_keras_hdf5"))),
    "dequantize": Importer(2, _at_first_use("dequantize", "dequantize")),
    "dlib_dat": Importer(1, _with_fixed_axes(_at_first_use("dlib_dat", "convert_dlib_dat"))),
    "minifasnet": Importer(1, _with_fixed_axes(_at_first_use("minifasnet", "convert_minifasnet"))),
}
