import numpy as np
import pytest

from tests.models.importers.networks import network, operators, random, run, small_prelu_net
from vultus.errors import ModelInvalid
from vultus.models.importers.fold import Graph, fold
from vultus.models.importers.prelu import flatten_slopes

BATCH = random(0, 4, 2, 6, 6)


def folded(model):
    graph = Graph(model)
    fold(graph)
    return graph


def test_a_batch_normalisation_goes_into_the_convolution_before_it(tmp_path):
    # y = 2 (3 x + 1 - 1) / sqrt(3 + 1) + 5 = 3 x + 5
    constants = {"w": [[[[3]]]], "b": [1], "gamma": [2], "beta": [5], "mean": [1], "variance": [3]}
    nodes = [
        ("Conv", ["input", "w", "b"], "conv", {"kernel_shape": [1, 1]}),
        ("BatchNormalization", ["conv", "gamma", "beta", "mean", "variance"], "out", {"epsilon": 1.0}),
    ]
    graph = folded(network(nodes, constants, output="out", inputs=[("input", ["N", 1, 1, 1])]))
    assert [node.op_type for node in graph.nodes] == ["Conv"]
    assert graph.constants["conv/folded_weights"].item() == pytest.approx(3)
    assert graph.constants["conv/folded_bias"].item() == pytest.approx(5)
    assert run(tmp_path, graph.serialize(), np.array([[[[2.0]]]], np.float32))["out"].item() == pytest.approx(11)


def test_folding_leaves_the_same_function(tmp_path):
    model = small_prelu_net()
    simple = folded(model).serialize()
    assert operators(simple) == ["Sub", "Conv", "PRelu", "Conv", "PRelu", "Flatten", "Gemm"]
    expected = run(tmp_path, model, BATCH)["embedding"]
    assert run(tmp_path, simple, BATCH)["embedding"] == pytest.approx(expected, abs=1e-4)


def test_a_normalisation_whose_input_is_read_elsewhere_stays(tmp_path):
    constants = {"w": [[[[3]]]], "gamma": [2], "beta": [5], "mean": [1], "variance": [3]}
    nodes = [
        ("Conv", ["input", "w"], "conv", {"kernel_shape": [1, 1]}),
        ("BatchNormalization", ["conv", "gamma", "beta", "mean", "variance"], "normal", {}),
        ("Add", ["conv", "normal"], "out", {}),
    ]
    graph = folded(network(nodes, constants, output="out", inputs=[("input", ["N", 1, 1, 1])]))
    assert [node.op_type for node in graph.nodes] == ["Conv", "BatchNormalization", "Add"]


def test_steep_slopes_are_turned_round_and_the_function_stays(tmp_path):
    model = small_prelu_net(slopes=(0.25, 1.5, 4.0))
    graph = folded(model)
    flatten_slopes(graph)
    slopes = [graph.constants[node.input[1]].ravel() for node in graph.nodes if node.op_type == "PRelu"]
    assert slopes[0] == pytest.approx([0.25, 1 / 1.5, 0.25])
    expected = run(tmp_path, model, BATCH)["embedding"]
    assert run(tmp_path, graph.serialize(), BATCH)["embedding"] == pytest.approx(expected, abs=1e-4)


def test_slopes_before_a_plain_convolution_are_turned_round_too(tmp_path):
    constants = {"w1": random(1, 3, 2, 1, 1), "s": np.full((3, 1, 1), 2.0), "w2": random(2, 4, 3, 3, 3)}
    nodes = [
        ("Conv", ["input", "w1"], "a", {"kernel_shape": [1, 1]}),
        ("PRelu", ["a", "s"], "b", {}),
        ("Conv", ["b", "w2"], "out", {"kernel_shape": [3, 3]}),
    ]
    model = network(nodes, constants, output="out")
    graph = folded(model)
    flatten_slopes(graph)
    assert all((graph.constants[node.input[1]] <= 1).all() for node in graph.nodes if node.op_type == "PRelu")
    assert run(tmp_path, graph.serialize(), BATCH)["out"] == pytest.approx(run(tmp_path, model, BATCH)["out"], abs=1e-4)


def test_steep_slopes_before_something_else_stay():
    nodes = [
        ("Conv", ["input", "w"], "a", {"kernel_shape": [1, 1]}),
        ("PRelu", ["a", "s"], "b", {}),
        ("GlobalAveragePool", ["b"], "out", {}),
    ]
    graph = folded(network(nodes, {"w": random(1, 3, 2, 1, 1), "s": np.full((3, 1, 1), 2.0)}, output="out"))
    flatten_slopes(graph)
    assert graph.nodes[1].input[1] == "s"


@pytest.mark.parametrize("data", [b"", b"no model at all"])
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(ModelInvalid, match=f"of {len(data)} bytes"):
        Graph(data)


def test_a_model_with_two_inputs_is_refused():
    inputs = [("a", ["N", 2]), ("b", ["N", 2])]
    with pytest.raises(ModelInvalid, match="has 2 inputs"):
        Graph(network([("Add", ["a", "b"], "out", {})], {}, output="out", inputs=inputs))
