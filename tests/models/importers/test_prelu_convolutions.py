"""PReLUs written as convolutions: the same numbers, and the quantiser gets its PReLUs back."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.models.importers.networks import network, operators, random, run, small_prelu_net, small_resnet
from vultus.errors import ModelInvalid
from vultus.models.importers.dequantize import dequantize
from vultus.models.importers.fold import Graph
from vultus.models.importers.prelu_convolutions import restore_prelus, write_prelus_as_convolutions
from vultus.models.importers.quantize import measurable, quantize

BATCH = random(0, 16, 2, 6, 6)


@pytest.mark.parametrize("slopes", [(0.25, 0.9, -0.5), (0.25, 1.5, 4.0), (0.0, 1.0, -2.0)])
def test_the_output_is_the_same(tmp_path, slopes):
    model = small_prelu_net(slopes)
    written = write_prelus_as_convolutions(model)
    assert "PRelu" not in operators(written)
    expected = run(tmp_path, model, BATCH)["embedding"]
    assert run(tmp_path, written, BATCH)["embedding"] == pytest.approx(expected, rel=1e-5, abs=3e-6)


def test_by_hand(tmp_path):
    nodes = [("PRelu", ["input", "slopes"], "out", {})]
    model = network(nodes, {"slopes": [[[0.25]], [[2.0]]]}, output="out", inputs=[("input", ["N", 2, 1, 1])])
    batch = np.array([[4, 4], [-4, -4]], np.float32).reshape(2, 2, 1, 1)
    written = write_prelus_as_convolutions(model)
    assert run(tmp_path, written, batch)["out"].reshape(2, 2).tolist() == [[4, 4], [-1, -8]]


def test_the_quantiser_makes_the_same_bytes_as_without():
    model = small_prelu_net()
    ranges = dict.fromkeys(measurable(model)[1], (-1.0, 1.0))
    written = write_prelus_as_convolutions(model)
    assert measurable(written)[1] == measurable(model)[1]
    assert quantize(written, ranges, weight_bits=7) == quantize(model, ranges, weight_bits=7)


def test_restored_slopes_are_exactly_those_written():
    model = small_prelu_net((0.1, 1.7, -0.3))
    graph = Graph(write_prelus_as_convolutions(model))
    restore_prelus(graph)
    before, after = (
        [one.constants[node.input[1]].tolist() for node in one.nodes if node.op_type == "PRelu"]
        for one in (Graph(model), graph)
    )
    assert before == after
    assert len(before) == 2


def test_a_network_without_prelus_stays_the_same_bytes():
    model = small_resnet()
    assert write_prelus_as_convolutions(model) == model


@pytest.mark.parametrize("slopes", [[0.5], np.full((2, 6, 6), 0.5)])
def test_prelus_without_a_slope_for_each_channel_stay(slopes):
    model = network([("PRelu", ["input", "slopes"], "out", {})], {"slopes": slopes}, output="out")
    assert write_prelus_as_convolutions(model) == model


def test_the_importer_of_block_quantised_files_writes_them():
    assert "PRelu" not in operators(dequantize(small_prelu_net(), {0: "N"}))
    assert operators(dequantize(small_prelu_net(), {})).count("Relu") == 2


def test_a_network_with_float16_inputs_is_not_quantised():
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "w"], ["out"])],
        "half",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT16, ["N", 2, 6, 6])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT16, ["N", 3, 6, 6])],
        [numpy_helper.from_array(random(1, 3, 2, 1, 1).astype(np.float16), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelInvalid, match="takes float16; export it with a float32 input"):
        quantize(model.SerializeToString(), {"input": (-1.0, 1.0)}, weight_bits=7)
