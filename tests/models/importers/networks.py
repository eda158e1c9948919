"""Small ONNX networks for the tests of folding and quantising, and how they are run."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vultus.vision.session import Session


def network(nodes, constants, *, output, inputs=(("input", ["N", 2, 6, 6]),), opset=17):
    """ONNX bytes. nodes: (operator, inputs, output, attributes); constants: name -> array."""
    graph = helper.make_graph(
        [helper.make_node(op, list(read), [made], name=made, **given) for op, read, made, given in nodes],
        "small",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array, np.float32), name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def run(tmp_path, model, batch):
    """The network's outputs, in ONNX Runtime, by name."""
    path = tmp_path / "net.onnx"
    path.write_bytes(model)
    session = Session(path)
    return dict(zip(session.output_names, session.run(batch), strict=True))


def operators(model):
    """The operators of a model, in order."""
    return [node.op_type for node in onnx.load_model_from_string(model).graph.node]


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def small_resnet():
    """A network with every kind of layer that FaceNet has: 2x6x6 -> 5 numbers."""
    constants = {
        "w1": random(1, 4, 2, 3, 3) / 3,
        "b1": random(2, 4),
        "w2": random(3, 3, 4, 1, 1),
        "b2": random(4, 3),
        "w3": random(5, 4, 7, 1, 1) / 3,
        "b3": random(6, 4),
        "w4": random(7, 5, 4),
        "b4": random(8, 5),
    }
    padded = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        ("Conv", ["input", "w1", "b1"], "first/conv", padded),
        ("Relu", ["first/conv"], "first", {}),
        ("MaxPool", ["first"], "pooled", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Conv", ["pooled", "w2", "b2"], "branch/conv", {"kernel_shape": [1, 1]}),
        ("Relu", ["branch/conv"], "branch", {}),
        ("Concat", ["pooled", "branch"], "joined", {"axis": 1}),
        ("Conv", ["joined", "w3", "b3"], "up", {"kernel_shape": [1, 1]}),
        ("Add", ["pooled", "up"], "sum", {}),
        ("Relu", ["sum"], "block", {}),
        ("GlobalAveragePool", ["block"], "mean", {}),
        ("Flatten", ["mean"], "flat", {}),
        ("Gemm", ["flat", "w4", "b4"], "embedding", {"transB": 1}),
    ]
    return network(nodes, constants, output="embedding")


def small_prelu_net(slopes=(0.25, 1.5, -0.5)):
    """A network with every kind of layer that SFace has: 2x6x6 -> 5 numbers."""
    statistics = {
        f"{name}/{part}": np.abs(random(seed + i, 3)) + 0.5
        for name, seed in (("n1", 10), ("n2", 20))
        for i, part in enumerate(("gamma", "beta", "mean", "variance"))
    }
    constants = {
        "half": [0.5],
        "w1": random(1, 3, 2, 3, 3) / 3,
        "s1": np.reshape(slopes, (3, 1, 1)),
        "w2": random(2, 3, 1, 3, 3) / 2,
        "b2": random(3, 3),
        "s2": np.full((3, 1, 1), 0.1),
        "w3": random(4, 5, 108) / 5,
        "b3": random(5, 5),
        **statistics,
    }
    padded = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        ("Sub", ["input", "half"], "centred", {}),
        ("Conv", ["centred", "w1"], "c1", padded),
        ("BatchNormalization", ["c1", "n1/gamma", "n1/beta", "n1/mean", "n1/variance"], "normal", {"epsilon": 1e-3}),
        ("PRelu", ["normal", "s1"], "p1", {}),
        ("Conv", ["p1", "w2", "b2"], "c2", {**padded, "group": 3}),
        ("PRelu", ["c2", "s2"], "p2", {}),
        ("BatchNormalization", ["p2", "n2/gamma", "n2/beta", "n2/mean", "n2/variance"], "normal2", {}),
        ("Dropout", ["normal2"], "dropped", {}),
        ("Flatten", ["dropped"], "flat", {}),
        ("Gemm", ["flat", "w3", "b3"], "embedding", {"transB": 1}),
    ]
    return network(nodes, constants, output="embedding")
