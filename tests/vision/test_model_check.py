import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from vultus.errors import ModelInvalid
from vultus.records.seen import CropRule, InputRule
from vultus.vision.embed import Embedder
from vultus.vision.model_check import check_recogniser
from vultus.vision.session import Session

RULE = InputRule(8, 6, "RGB", "NCHW", 0.0, 1.0)


@pytest.fixture
def opened(tmp_path):
    """A network that adds up its input over all but the first two axes."""

    def make(shape=("N", 3, 6, 8), dimension=3, kind=TensorProto.FLOAT, outputs=1, rank=2):
        nodes = [helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)]
        nodes += [helper.make_node("Identity", ["y"], [f"y{i}"]) for i in range(1, outputs)]
        answer = ["N", dimension, 1][:rank]
        names = ["y", *(f"y{i}" for i in range(1, outputs))]
        axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
        graph = helper.make_graph(
            nodes,
            "sums",
            [helper.make_tensor_value_info("x", kind, list(shape))],
            [helper.make_tensor_value_info(name, kind, answer) for name in names],
            [axes],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "n")
        return Session(tmp_path / "n")

    return make


def test_the_network_of_the_card_fits(opened):
    check_recogniser(opened(), input_rule=RULE, dimension=3)


@pytest.mark.parametrize("shape", [("N", "C", "H", "W"), (1, 3, 6, 8), ("N", 3, "H", 8)])
def test_sizes_without_a_number_fit(opened, shape):
    check_recogniser(opened(shape, "D"), input_rule=RULE, dimension=3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shape": ("N", 3, 8, 6)}, r"takes \(N, 3, 8, 6\), but its card says \(N, 3, 6, 8\), NCHW; mend width"),
        ({"shape": ("N", 1, 6, 8)}, r"takes \(N, 1, 6, 8\)"),
        ({"shape": (4, 3, 6, 8)}, "takes batches of exactly 4; export it with any batch size, or 1"),
        ({"kind": TensorProto.DOUBLE}, r"takes tensor\(double\); export it with a float32 input"),
        ({"kind": TensorProto.FLOAT16}, r"takes tensor\(float16\); export it with a float32 input"),
        ({"dimension": 5, "shape": ("N", "C", 6, 8)}, r"answers \(N, 5\), but its card says \(N, 3\); mend output"),
        ({"outputs": 2}, r"has 2 outputs \(y, y1\)"),
    ],
)
def test_another_network_is_refused_with_what_to_change(opened, given, said):
    with pytest.raises(ModelInvalid, match=said):
        check_recogniser(opened(**given), input_rule=RULE, dimension=3)


def test_a_network_of_batch_one_embeds_one_by_one(opened):
    embedder = Embedder(opened((1, 3, 6, 8)), model_id="sums", input_rule=RULE, crop_rule=CropRule(()), dimension=3)
    crops = [np.full((6, 8, 3), value, np.uint8) for value in (1, 2, 3)]
    assert embedder.embed(crops) == pytest.approx(np.full((3, 3), 3**-0.5), abs=1e-6)
