from functools import partial

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.models.importers.networks import network, operators, random, run, small_prelu_net, small_resnet
from vultus.errors import ModelInvalid
from vultus.models.importers.quantize import measurable, scale_and_zero, weight_scales
from vultus.models.importers.quantize import quantize as quantize_to_bits
from vultus.models.precision import cpu_flags, int8_weight_bits

BATCH = random(0, 16, 2, 6, 6)

quantize = partial(quantize_to_bits, weight_bits=int8_weight_bits(cpu_flags()))  # what this processor computes right


def ranges_of(tmp_path, model, batch=BATCH):
    """The extremes of every tensor to be measured, as benchmarks/measure_ranges.py finds them."""
    float_model, names = measurable(model)
    values = {"input": batch, **run(tmp_path, float_model, batch)}
    return {name: (float(values[name].min()), float(values[name].max())) for name in names}


def cosines(first, second):
    return (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)


@pytest.mark.parametrize(
    ("least", "greatest", "expected"),
    [
        (0.0, 255.0, (1.0, 0)),
        (-1.0, 1.55, (0.01, 100)),
        (0.5, 2.55, (0.01, 0)),  # 0 is always within
        (-2.55, -1.0, (0.01, 255)),
    ],
)
def test_scale_and_zero_by_hand(least, greatest, expected):
    scale, zero = scale_and_zero(least, greatest)
    assert (pytest.approx(scale), zero) == expected


@pytest.mark.parametrize("levels", [127, 63])
def test_weight_scales_by_hand(levels):
    weights = np.array([[0.01 * levels, -0.5], [0.0, 0.0], [-0.02 * levels, 1.0]], np.float32)
    assert weight_scales(weights, np.zeros(3), 0.5, levels)[[0, 2]] == pytest.approx([0.01, 0.02])
    # A bias of 10 must fit into int32 at scale x 0.5, whatever the weights.
    scales = weight_scales(weights, np.full(3, 10.0), 0.5, levels)
    assert 10 / (0.5 * scales[1]) == pytest.approx((2**31 - 1) / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("weight_bits", "weight", "bias"),
    # input 0..2.55 at scale .01. 8 bits: weight 1.27 -> 127 at .01; bias 0.5 -> 0.5 / (.01 x .01) = 5000.
    # 7 bits: weight 1.27 -> 63 at 1.27 / 63; bias 0.5 -> 0.5 x 63 / (.01 x 1.27) = 2480.3.
    [(8, 127, 5000), (7, 63, 2480)],
)
def test_one_convolution_by_hand(tmp_path, weight_bits, weight, bias):
    nodes = [
        ("Conv", ["input", "w", "b"], "conv", {"kernel_shape": [1, 1]}),
        ("Relu", ["conv"], "relu", {}),
        ("Flatten", ["relu"], "flat", {}),
        ("Gemm", ["flat", "one"], "out", {"transB": 1}),
    ]
    constants = {"w": [[[[1.27]]]], "b": [0.5], "one": [[1.0]]}
    model = network(nodes, constants, output="out", inputs=[("input", ["N", 1, 1, 1])])
    quantised = quantize_to_bits(model, {"input": (0.0, 2.55), "relu": (0.0, 5.1)}, weight_bits=weight_bits)
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load_model_from_string(quantised).graph.initializer}
    assert stored["relu/weights/stored"].item() == weight
    assert stored["relu/bias/stored"].item() == bias
    batch = np.array([0.0, 1.0, 2.0, -1.0], np.float32).reshape(4, 1, 1, 1)
    # 1.27 x + 0.5, cut off at 0, to the next 5.1 / 255 = 0.02; -1 is below the input's range and counts as 0
    expected = [0.50, 1.78, 3.04, 0.50]
    assert run(tmp_path, quantised, batch)["out"].ravel() == pytest.approx(expected, abs=0.0201)


def test_a_whole_network_answers_nearly_the_same(tmp_path):
    model = small_resnet()
    expected = run(tmp_path, model, BATCH)["embedding"]
    found = run(tmp_path, quantize(model, ranges_of(tmp_path, model)), BATCH)["embedding"]
    assert found == pytest.approx(expected, abs=0.03 * float(np.abs(expected).max()))
    assert cosines(found, expected).min() > 0.999


@pytest.mark.parametrize("slopes", [(0.25, 0.9, -0.5), (0.25, 1.5, 4.0)])
def test_a_network_with_prelus_answers_nearly_the_same(tmp_path, slopes):
    model = small_prelu_net(slopes)
    quantised = quantize(model, ranges_of(tmp_path, model))
    assert "PRelu" not in operators(quantised)
    expected = run(tmp_path, model, BATCH)["embedding"]
    assert cosines(run(tmp_path, quantised, BATCH)["embedding"], expected).min() > 0.998


def test_sums_of_two_products_of_7_bit_weights_stay_within_16_bits():
    # VPMADDUBSW adds two products of uint8 and int8 in a signed 16-bit number, which ends at 32,767.
    model = small_prelu_net((0.25, 1.5, 4.0))
    ranges = dict.fromkeys(measurable(model)[1], (-1.0, 1.0))
    largest = {bits: largest_weight(quantize_to_bits(model, ranges, weight_bits=bits)) for bits in (7, 8)}
    assert largest == {7: 63, 8: 127}
    assert 2 * 255 * 63 <= 2**15 - 1 < 2 * 255 * 127


def largest_weight(quantised):
    """The largest int8 weight of a quantised network, with a slope counted as a weight."""
    tensors = onnx.load_model_from_string(quantised).graph.initializer
    stored = [numpy_helper.to_array(t) for t in tensors if t.name.endswith(("/weights/stored", "/slope/stored"))]
    return max(int(np.abs(values.astype(int)).max()) for values in stored)


def test_only_what_is_needed_is_measured():
    # The pooled values and what only goes into the concatenation have the scale of what they come from or go into.
    assert measurable(small_resnet())[1] == ("input", "first", "joined", "up", "block", "mean")


def test_no_layer_stays_in_float_in_onnx_runtime(tmp_path):
    import onnxruntime as ort

    model = small_resnet()
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(quantize(model, ranges_of(tmp_path, model)), options, providers=["CPUExecutionProvider"])
    found = set(operators((tmp_path / "optimised.onnx").read_bytes()))
    assert {"QLinearConv", "QLinearAdd", "QLinearConcat", "QLinearGlobalAveragePool", "QGemm"} <= found
    assert not {"Conv", "FusedConv", "Add", "Concat", "Gemm", "Relu", "DequantizeLinear"} & found


def test_the_same_ranges_give_the_same_bytes(tmp_path):
    model = small_resnet()
    ranges = ranges_of(tmp_path, model)
    assert quantize(model, ranges) == quantize(model, dict(reversed(ranges.items())))


def test_weights_are_stored_in_a_quarter_of_the_bytes():
    model = network(
        [("Flatten", ["input"], "flat", {}), ("Gemm", ["flat", "w"], "out", {"transB": 1})],
        {"w": random(1, 64, 72 * 8)},
        output="out",
        inputs=[("input", ["N", 8, 72])],
    )
    assert len(quantize(model, {"input": (-1.0, 1.0)})) < 0.3 * len(model)


def test_missing_range_is_named(tmp_path):
    model = small_resnet()
    ranges = ranges_of(tmp_path, model)
    del ranges["joined"]
    with pytest.raises(ModelInvalid, match="lack 1 tensors, the first 'joined'; measure them again"):
        quantize(model, ranges)


def test_range_of_no_tensor_is_named(tmp_path):
    model = small_resnet()
    with pytest.raises(ModelInvalid, match="name 'other', which the network does not need"):
        quantize(model, {**ranges_of(tmp_path, model), "other": (0.0, 1.0)})


def test_old_opsets_and_turned_weights_are_refused():
    nodes = [("Flatten", ["input"], "flat", {}), ("Gemm", ["flat", "w"], "out", {})]
    with pytest.raises(ModelInvalid, match="opset 11; export it with opset 13 or later"):
        quantize(network(nodes, {"w": random(1, 72, 4)}, output="out", opset=11), {})
    with pytest.raises(ModelInvalid, match="set transB to 1"):
        quantize(network(nodes, {"w": random(1, 72, 4)}, output="out"), {"input": (-1.0, 1.0)})
