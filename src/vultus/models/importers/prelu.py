"""Rewrites PReLUs so that no slope is above 1, as integer arithmetic needs; the network computes the same.

ONNX Runtime has no integer PReLU. Where no slope a is above 1, PReLU(x) = max(x, a x), and both operations have integer
kernels. A channel with a slope above 1 is negated:  PReLU_a(x) = -a PReLU_1/a(-x)  for a > 0, with -1 multiplied into
the convolution before and -a into the one after.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.models.importers.fold import Graph, attributes, is_layer, layer_bias, set_layer

Array = NDArray[Any]


def flatten_slopes(graph: Graph) -> None:
    """Negate the channels with slopes above 1, where the layers before and after the PReLU are convolutions."""
    for node in graph.nodes:
        if node.op_type == "PRelu" and not has_flat_slopes(graph, node):
            _negate_steep_channels(graph, node)


def has_flat_slopes(graph: Graph, node: Any) -> bool:
    """Whether the PReLU's slopes are constants and none is above 1."""
    slopes = graph.constants.get(node.input[1])
    return slopes is not None and bool((slopes <= 1).all())


def _negate_steep_channels(graph: Graph, node: Any) -> None:
    before, after = graph.producer(node.input[0]), graph.readers(node.output[0])
    slopes = graph.constants.get(node.input[1])
    if slopes is None or before is None or not is_layer(graph, before) or not graph.is_private(node.input[0]):
        return
    weights = graph.constants[before.input[1]]
    convolutions = bool(after) and all(layer.op_type == "Conv" and is_layer(graph, layer) for layer in after)
    if slopes.size != len(weights) or not convolutions or node.output[0] in graph.outputs:
        return
    slope = slopes.reshape(-1)
    steep = slope > 1
    sign = np.where(steep, -1.0, 1.0)
    set_layer(graph, before, weights * _outermost(sign, weights), layer_bias(graph, before) * sign)
    for layer in after:
        _scale_inputs(graph, layer, np.where(steep, -slope, 1.0))
    name = f"{node.output[0]}/slopes"
    graph.constants[name] = np.where(steep, 1 / slope, slope).astype(np.float32).reshape(slopes.shape)
    node.input[1] = name


def _scale_inputs(graph: Graph, layer: Any, factors: Array) -> None:
    """Multiply a convolution's weights by a factor per input channel; groups take them in order."""
    weights = graph.constants[layer.input[1]]
    groups = attributes(layer).get("group", 1)
    outputs_of_group = len(weights) // groups
    per_output = np.repeat(factors.reshape(groups, weights.shape[1]), outputs_of_group, axis=0)
    scaled = weights * per_output.reshape(*per_output.shape, *[1] * (weights.ndim - 2))
    set_layer(graph, layer, scaled, layer_bias(graph, layer))


def _outermost(values: Array, like: Array) -> Array:
    return values.reshape(-1, *[1] * (like.ndim - 1))
