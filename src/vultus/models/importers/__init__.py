"""Upstream weights -> ONNX: the importers by the name that a model card uses.

Each is imported when it is used: a start with prepared files does not load `onnx` at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

DynamicAxes = Mapping[int, str]


@dataclass(frozen=True)
class Importer:
    """`convert`: (source bytes, dynamic axes) -> ONNX bytes, the same for the same source. `version` counts up when
    its output changes, so that files made by an older one are made again. Raises ModelInvalid."""

    version: int
    convert: Callable[[bytes, DynamicAxes], bytes]


def _facenet_graphdef(data: bytes, _: DynamicAxes) -> bytes:
    from vultus.models.importers.facenet_graphdef import convert_facenet_graphdef

    return convert_facenet_graphdef(data)


def _dequantize(data: bytes, dynamic_axes: DynamicAxes) -> bytes:
    from vultus.models.importers.dequantize import dequantize

    return dequantize(data, dynamic_axes)


IMPORTERS: Mapping[str, Importer] = {
    "facenet_graphdef": Importer(1, _facenet_graphdef),
    "dequantize": Importer(1, _dequantize),
}
