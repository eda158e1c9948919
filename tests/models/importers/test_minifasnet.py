"""MiniFASNet's importer, against the layers computed one after the other with numpy, on the published weights."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.models.importers.torch_bytes import torch_file
from vultus.errors import ModelInvalid
from vultus.models.card import find_card, in_box_cards
from vultus.models.importers.minifasnet import RUNS, convert_minifasnet
from vultus.models.importers.torch_tensors import read_tensors

WEIGHTS = Path(__file__).parents[4] / "shared" / "data" / "liveness"
CARD = find_card(in_box_cards(), "minifasnet")
RNG = np.random.default_rng(5)


@pytest.fixture(params=[file.name for file in CARD.files])
def weights(request):
    """The bytes of one of the published files, and its entry in the card."""
    file = CARD.file(request.param)
    path = Path(os.environ.get("VULTUS_TEST_LIVENESS", WEIGHTS)) / file.sources[0].file
    if not path.is_file():
        pytest.skip("MiniFASNet's weights are not beside this checkout")
    return path.read_bytes(), file


class Reference:
    """The network as its authors wrote it, batch normalisation and PReLU unfolded; one picture (C, H, W) at a time."""

    def __init__(self, tensors):
        self._tensors = {name.removeprefix("module."): np.float64(array) for name, array in tensors.items()}

    def probabilities(self, picture):
        x = self.convolution("conv2_dw", self.convolution("conv1", picture, stride=2, padding=1), padding=1)
        for halving, run, blocks in RUNS:
            x = self.block(halving, x, stride=2)
            for number in range(blocks):
                inner = self.block(f"{run}.model.{number}", x)
                x = x + self.excited(f"{run}.model.{number}.se_module", inner)
        x = self.convolution("conv_6_dw", self.convolution("conv_6_sep", x))
        features = self.normalised("bn", self._tensors["linear.weight"] @ x.reshape(-1))
        scores = self._tensors["prob.weight"] @ features
        shares = np.exp(scores - scores.max())
        return shares / shares.sum()

    def block(self, name, x, stride=1):
        x = self.convolution(f"{name}.conv", x)
        return self.convolution(f"{name}.project", self.convolution(f"{name}.conv_dw", x, stride=stride, padding=1))

    def excited(self, name, x):
        if f"{name}.fc1.weight" not in self._tensors:
            return x
        pooled = x.mean(axis=(1, 2))
        first = self.normalised(f"{name}.bn1", self._tensors[f"{name}.fc1.weight"][:, :, 0, 0] @ pooled)
        second = self.normalised(f"{name}.bn2", self._tensors[f"{name}.fc2.weight"][:, :, 0, 0] @ np.maximum(first, 0))
        return x / (1 + np.exp(-second))[:, None, None]

    def convolution(self, name, x, stride=1, padding=0):
        kernel = self._tensors[f"{name}.conv.weight"]
        windows = sliding_window_view(np.pad(x, ((0, 0), *[(padding, padding)] * 2)), kernel.shape[2:], axis=(1, 2))
        windows = windows[:, ::stride, ::stride]
        form = "chwij,cij->chw" if kernel.shape[1] == 1 and len(x) > 1 else "chwij,ocij->ohw"
        made = np.einsum(form, windows, kernel[:, 0] if form.startswith("chwij,cij") else kernel, optimize=True)
        made = self.normalised(f"{name}.bn", made)
        slopes = self._tensors.get(f"{name}.prelu.weight")
        return made if slopes is None else np.where(made > 0, made, slopes[:, None, None] * made)

    def normalised(self, name, x):
        names = ("weight", "bias", "running_mean", "running_var")
        shape = (-1, *[1] * (x.ndim - 1))
        gamma, beta, mean, variance = (self._tensors[f"{name}.{part}"].reshape(shape) for part in names)
        return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def test_the_published_weights_answer_as_the_network_of_their_authors(weights):
    data, file = weights
    assert hashlib.sha256(data).hexdigest() == file.sha256
    converted = convert_minifasnet(data)
    assert hashlib.sha256(converted).hexdigest() == file.converted_sha256
    session, reference = onnxruntime.InferenceSession(converted), Reference(read_tensors(data))
    pictures = [RNG.uniform(0, 255, (3, 80, 80)), np.full((3, 80, 80), 128.0), smooth(), 255 - smooth()]
    for picture in pictures:
        (answer,) = session.run(None, {"input": picture[None].astype(np.float32)})
        assert np.abs(answer[0] - reference.probabilities(picture)).max() < 2e-5


@pytest.mark.parametrize("excited", [False, True], ids=["V2", "V1SE"])
def test_made_weights_answer_as_the_network_computed_layer_by_layer(excited):
    tensors = made_tensors(excited)
    session = onnxruntime.InferenceSession(convert_minifasnet(torch_file(tensors)))
    for picture in (RNG.uniform(0, 255, (3, 80, 80)), smooth()):
        (answer,) = session.run(None, {"input": picture[None].astype(np.float32)})
        assert np.abs(answer[0] - Reference(tensors).probabilities(picture)).max() < 2e-5
        assert answer[0].max() < 0.99  # no class is so sure that a wrong layer would not show


def made_tensors(excited) -> dict[str, np.ndarray]:
    """Random weights of a narrow network, by the names of the published files."""
    tensors: dict[str, np.ndarray] = {}

    def norm(name, size):
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = RNG.uniform(0.5, 1.5, size), RNG.normal(0, 0.2, size)
        tensors[f"{name}.running_mean"] = RNG.normal(0, 0.2, size)
        tensors[f"{name}.running_var"] = RNG.uniform(0.5, 1.5, size)
        tensors[f"{name}.num_batches_tracked"] = np.array(3, np.int64)

    def convolution(name, outputs, inputs, side, *, prelu=True):
        deviation = 1 / np.sqrt(inputs * side * side)
        tensors[f"{name}.conv.weight"] = RNG.normal(0, deviation, (outputs, inputs, side, side))
        norm(f"{name}.bn", outputs)
        if prelu:
            tensors[f"{name}.prelu.weight"] = RNG.uniform(0.1, 0.5, outputs)

    def block(name, inner, outputs, inputs):
        convolution(f"{name}.conv", inner, inputs, 1)
        convolution(f"{name}.conv_dw", inner, 1, 3)
        convolution(f"{name}.project", outputs, inner, 1, prelu=False)

    convolution("conv1", 4, 3, 3)
    tensors["conv1.conv.weight"] /= 128  # of pixels
    convolution("conv2_dw", 4, 1, 3)
    for (halving, run, blocks), inputs, outputs in zip(RUNS, (4, 6, 8), (6, 8, 8), strict=True):
        block(halving, 5, outputs, inputs)
        for number in range(blocks):
            block(f"{run}.model.{number}", 3 + number, outputs, outputs)
        if excited:
            gate = f"{run}.model.{blocks - 1}.se_module"
            tensors[f"{gate}.fc1.weight"] = RNG.normal(0, 0.5, (2, outputs, 1, 1))
            tensors[f"{gate}.fc2.weight"] = RNG.normal(0, 0.5, (outputs, 2, 1, 1))
            norm(f"{gate}.bn1", 2)
            norm(f"{gate}.bn2", outputs)
    convolution("conv_6_sep", 12, 8, 1)
    convolution("conv_6_dw", 12, 1, 5, prelu=False)
    tensors["linear.weight"], tensors["prob.weight"] = RNG.normal(0, 0.3, (7, 12)), RNG.normal(0, 0.3, (3, 7))
    norm("bn", 7)
    typed = {name: array if array.dtype == np.int64 else array.astype(np.float32) for name, array in tensors.items()}
    return {f"module.{name}": array for name, array in typed.items()}


def smooth():
    """(3, 80, 80): a picture of slopes and waves."""
    across, down = np.meshgrid(np.arange(80), np.arange(80))
    return np.stack([across * 3.0, down * 3.0, 120 + 100 * np.sin(across / 9) * np.cos(down / 7)])


def test_other_tensors_are_named(weights):
    tensors = read_tensors(weights[0])
    without = {name: array for name, array in tensors.items() if name != "module.conv_4.model.2.project.conv.weight"}
    with pytest.raises(ModelInvalid, match=r"no tensor 'conv_4\.model\.2\.project\.conv\.weight'"):
        convert_minifasnet(torch_file(without))
    with pytest.raises(ModelInvalid, match="a tensor 'more'"):
        convert_minifasnet(torch_file({**tensors, "more": np.zeros(3, np.float32)}))
    with pytest.raises(ModelInvalid, match="that are not finite"):
        convert_minifasnet(torch_file({**tensors, "module.prob.weight": np.full((3, 128), np.nan, np.float32)}))
    with pytest.raises(ModelInvalid, match="4 classes in place of 3"):
        convert_minifasnet(torch_file({**tensors, "module.prob.weight": np.zeros((4, 128), np.float32)}))
    with pytest.raises(ModelInvalid, match="that does not fit its layer"):
        convert_minifasnet(torch_file({**tensors, "module.bn.running_var": np.full(128, -1, np.float32)}))


def test_another_network_is_refused():
    with pytest.raises(ModelInvalid, match="it is not MiniFASNet"):
        convert_minifasnet(torch_file({"module.conv.weight": np.zeros((2, 3, 3, 3), np.float32)}))
