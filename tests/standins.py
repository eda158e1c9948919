"""Stand-ins that tests pass in: a tiny ONNX recogniser made on the fly, a detector of drawn faces, their models."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.pictures import FRAME
from vultus.errors import InvalidRequest, ModelMismatch, ModelNameNotAllowed, ModelNotInstalled
from vultus.matching.decision import ThresholdTable
from vultus.matching.reference_faces import ReferenceFaces
from vultus.models.relative_calibration import RelativeCalibration
from vultus.records.liveness import LivenessRule
from vultus.records.samples import LoadedModel
from vultus.records.seen import RGB, Box, CropRule, Face, InputRule
from vultus.vision.embed import Embedder
from vultus.vision.session import Session

TINY, OTHER = "tiny-32", "tiny-16"
DIMENSIONS = {TINY: 32, OTHER: 16}
SIDE = 32
TEMPLATE = ((9.0, 10.0), (23.0, 10.0), (16.0, 17.0), (11.0, 24.0), (21.0, 24.0))
THRESHOLDS = ((1e-1, 0.3), (1e-2, 0.5), (1e-4, 0.7), (1e-6, 0.9))


def write_tiny_network(path: Path, *, dimension: int = 32, seed: int = 7) -> Path:
    """An ONNX file (N, 3, 32, 32) -> (N, dimension): 8x8 block means, centred, times a fixed random matrix."""
    matrix = np.random.default_rng(seed).normal(size=(192, dimension)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["input"], ["blocks"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["blocks"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", dimension])],
        [numpy_helper.from_array(matrix, "matrix")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


SURE = 0.95
LARGEST_OTHER = 70  # pixels


class FrameDetector:
    """Finds the coloured frames of `drawn_photo`; landmarks at fixed places of the box.

    sure_of_others: its score of all faces but those as large as the first of a photo.
    """

    name = "frames"

    def __init__(self) -> None:
        self.calls = 0
        self.sure_of_others = SURE

    def detect(self, pixels: RGB) -> list[Face]:
        self.calls += 1
        near = (np.abs(pixels.astype(int) - FRAME).max(axis=2) < 40).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(near)
        boxes = [(x + 2, y + 2, x + w - 2, y + h - 2) for x, y, w, h, area in stats[1:] if area > 100]
        return [self._face(*map(float, box)) for box in boxes]

    def _face(self, x0: float, y0: float, x1: float, y1: float) -> Face:
        share = np.array(TEMPLATE) / SIDE
        landmarks = np.array([x0, y0]) + share * [x1 - x0, y1 - y0]
        score = SURE if x1 - x0 > LARGEST_OTHER else self.sure_of_others
        return Face((x0, y0, x1, y1), landmarks.astype(np.float32), score)


@dataclass
class TinyModel:
    """A recognition model, as the service sees it. Its version may be set, to stand for that of a later release.

    older: the versions that it can still make.
    """

    id: str
    dimension: int
    network: Embedder
    pipeline_version: int = 1
    precision: str = "fp32"
    calibration: ThresholdTable | None = None
    reference: ReferenceFaces | None = None
    older: tuple[int, ...] = ()
    card_scores: tuple[RelativeCalibration, ReferenceFaces] | None = None

    def scores_of_card(self) -> tuple[RelativeCalibration, ReferenceFaces] | None:
        return self.card_scores

    def thresholds(self) -> ThresholdTable:
        if self.calibration is None:
            raise InvalidRequest(f"{self.id} has no calibration; send a threshold")
        return self.calibration

    def embedder(self) -> Embedder:
        return self.network.at_version(self.pipeline_version)

    def at_version(self, version: int) -> TinyModel:
        if version != self.pipeline_version and version not in self.older:
            raise ModelMismatch(f"version {version} of {self.id} cannot be made")
        return replace(self, pipeline_version=version)


@dataclass
class TinyLiveness:
    """A liveness model whose score is the grey of the picture's lower left corner, in hundredths."""

    rule: LivenessRule = field(default_factory=lambda: LivenessRule("tiny-live", 0.5, 0.01, "card"))
    box_scales: tuple[float, ...] = (2.0, 2.5)
    id: str = "tiny-live"
    pipeline_version: int = 1

    def score(self, pixels: RGB, box: Box) -> float:
        return float(pixels[-1, 0].mean()) / 100


class TinyModels:
    """Two recognition models, as the service sees them."""

    default = TINY
    device, precision = "cpu", "fp32"

    def __init__(self, folder: Path) -> None:
        self.runs = 0
        self._models = {
            model_id: TinyModel(
                model_id,
                dimension,
                _embedder(write_tiny_network(folder / f"{model_id}.onnx", dimension=dimension), model_id),
                calibration=ThresholdTable(model_id, THRESHOLDS),
            )
            for model_id, dimension in DIMENSIONS.items()
        }

        self.liveness_model: TinyLiveness | None = TinyLiveness()

    def liveness(self) -> TinyLiveness:
        if self.liveness_model is None:
            raise ModelNotInstalled("its model tiny-live is not installed; run: vultus models pull tiny-live")
        return self.liveness_model

    def liveness_installed(self) -> bool:
        return self.liveness_model is not None

    def liveness_capabilities(self) -> dict[str, object] | None:
        return None if self.liveness_model is None else {"model_id": "tiny-live"}

    def resolve(self, name: str | None) -> TinyModel:
        wanted = name or TINY
        if wanted not in DIMENSIONS:
            raise ModelNameNotAllowed(f"model_name {wanted!r} is not served; use one of: {', '.join(DIMENSIONS)}")
        return self._models[wanted]

    served = resolve

    def loaded(self) -> tuple[LoadedModel, ...]:
        return tuple(LoadedModel(model_id, self.precision) for model_id in DIMENSIONS)

    def failed_self_tests(self) -> tuple[str, ...]:
        return ()

    def capabilities(self) -> list[dict[str, object]]:
        return [{"model_id": model_id, "dimension": dimension} for model_id, dimension in DIMENSIONS.items()]


def _embedder(path: Path, model_id: str) -> Embedder:
    return Embedder(
        Session(path),
        model_id=model_id,
        input_rule=InputRule(SIDE, SIDE, "RGB", "NCHW", 127.5, 128.0),
        crop_rule=CropRule(TEMPLATE),
        dimension=DIMENSIONS[model_id],
    )
