"""Loads recognition models, each tested when it is loaded, in int8 or in fp32; tests detectors likewise."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vultus.errors import ModelInvalid
from vultus.matching.reliability import ReliabilityModel
from vultus.models.card import ModelCard
from vultus.models.precision import Precision, cpu_flags, int8_weight_bits
from vultus.models.repository.store import ModelStore
from vultus.models.self_test_values import self_test_values
from vultus.records.seen import Float32
from vultus.vision.detect import Detector
from vultus.vision.device import Device
from vultus.vision.embed import Embedder, Recogniser
from vultus.vision.fuse import FusedEmbedder
from vultus.vision.model_check import check_recogniser
from vultus.vision.self_test.answers import agreement, detector_answers, displacement, recogniser_answers
from vultus.vision.session import Session, TwinSession

T = TypeVar("T")
ReliabilityOf = Callable[[ModelCard], ReliabilityModel | None]

# Memory of a loaded network over the size of its file: 2.5 to 3.3, measured with FaceNet and SFace, fp32 and int8.
MEMORY_FACTOR = 3

# Drawn faces, measured: fp32 with other kernels 0.9999999; int8 with 7-bit weights 0.994 to 0.998, with 8-bit weights
# 0.995 to 0.998, or 0.855 (FaceNet) and 0.938 (SFace) where their sums saturate.
LEAST_AGREEMENT: Mapping[Precision, float] = {"fp32": 0.9999, "int8": 0.985}
MOST_PIXELS = 2.0  # of a drawn face of 90 pixels; other kernels move it by less than 0.01

_log = logging.getLogger("vultus.model_registry")  # the name that operators filter these lines by


@dataclass(frozen=True)
class SelfTest:
    """What a model answered to drawn faces at its loading. finding: in words, the numbers included."""

    model_id: str
    precision: Precision
    passed: bool
    finding: str


class RecogniserLoader:
    """Loads recognition models from a store, and knows in which arithmetic. Safe to use from several threads."""

    def __init__(
        self,
        store: ModelStore,
        *,
        device: Device = "cpu",
        precision: Precision = "fp32",
        fall_back: bool = False,
        values: Mapping[str, Float32] | None = None,
    ) -> None:
        """device: that computes. precision: int8 applies to the models that have it. fall_back: a model that computes
        wrong in int8 is loaded in fp32, else refused. values: what the self-test compares with; None: those of the box.
        """
        self._store = store
        self._device = device
        self._precision = precision
        self._fall_back = fall_back
        self._values = self_test_values() if values is None else values
        self._in_fp32: set[str] = set()  # models that compute wrong in int8
        self._tests: dict[tuple[str, Precision], SelfTest] = {}

    @property
    def self_tests(self) -> tuple[SelfTest, ...]:
        """The last test of each model in each arithmetic, those that failed included, in the order of loading."""
        return tuple(self._tests.values())

    @property
    def wanted_precision(self) -> Precision:
        """The arithmetic of the models that have it and compute right in it."""
        return self._precision

    def precision(self, card: ModelCard) -> Precision:
        """The arithmetic of a model: int8 if all its networks compute in it."""
        members = self._store.members(card)
        int8 = all(member.int8 is not None and member.id not in self._in_fp32 for member in members)
        return self._precision if int8 else "fp32"

    def path(self, card: ModelCard) -> Path:
        """The verified file of a model of one network. Raises: ModelNotInstalled, ModelInvalid."""
        return self._store.path(card, card.files[0].name, self.precision(card))

    def load(self, card: ModelCard, reliability_of: ReliabilityOf) -> tuple[Recogniser[Any], int]:
        """The model, and the bytes it takes in memory.

        Raises: ModelNotInstalled; ModelInvalid when a file is not what the card says, or computes wrong.
        """
        if not card.fused:
            model, size = self.network(card, reliability_of(card), alone=True)
            return model, 2 * size if self._gains_by_threads(self.precision(card)) else size
        members = self._store.members(card)
        loaded = [self.network(member, reliability_of(member), card.pipeline_version) for member in members]
        weighted = [(model, weight) for (model, _), (_, weight) in zip(loaded, card.fused, strict=True)]
        fused = FusedEmbedder(weighted, model_id=card.id, reliability=reliability_of(card))
        if fused.dimension != card.output_dimension:
            raise ModelInvalid(f"{card.id} has {fused.dimension} numbers; mend output_dimension in its card")
        return fused, sum(size for _, size in loaded)

    def network(
        self,
        card: ModelCard,
        reliability: ReliabilityModel | None,
        version: int | None = None,
        *,
        alone: bool = False,
    ) -> tuple[Embedder, int]:
        """A model of one network, tested, and its bytes in memory. version: of the crops, None: the card's.

        alone: it is no member of another model, beside which it would run, and may take a second core itself.
        """
        precision = self.precision(card)
        embedder, size = self._network(card, precision, reliability, version or card.pipeline_version, alone=alone)
        test = self._test(card, embedder, precision)
        self._tests[card.id, precision] = test
        if test.passed:
            return embedder, size
        if precision == "fp32" or not self._fall_back:
            raise ModelInvalid(_refusal(test))
        self._in_fp32.add(card.id)
        _log.warning("%s computes wrong in int8 here (%s), so it computes in fp32", card.id, test.finding)
        return self.network(card, reliability, version, alone=alone)

    def test_detector(self, name: str, detector: Detector) -> None:
        """Test a loaded detector with its refiner. Raises: ModelInvalid when it computes wrong."""
        wanted = self._values.get(name)
        if wanted is None:
            return
        apart = displacement(detector_answers(detector), wanted)
        finding = f"drawn faces found {apart:.2f} pixels from their places, at most {MOST_PIXELS} is right"
        test = SelfTest(name, "fp32", apart <= MOST_PIXELS, finding)
        self._tests[name, "fp32"] = test
        if not test.passed:
            raise ModelInvalid(_refusal(test))

    def _gains_by_threads(self, precision: Precision) -> bool:
        """Whether a network runs faster in two threads: see `TwinSession`."""
        return self._device == "cpu" and (precision == "fp32" or int8_weight_bits(cpu_flags()) == 7)

    def _network(
        self,
        card: ModelCard,
        precision: Precision,
        reliability: ReliabilityModel | None,
        version: int,
        *,
        alone: bool = False,
    ) -> tuple[Embedder, int]:
        path = self._store.path(card, card.files[0].name, precision)
        twin = alone and self._gains_by_threads(precision)
        session = TwinSession(path) if twin else Session(path, device=self._device)
        dimension = _required(card.output_dimension, card.id, "output_dimension")
        input_rule, crop_rule = _required(card.input, card.id, "input"), _required(card.crop, card.id, "crop")
        check_recogniser(session, input_rule=input_rule, dimension=dimension)
        embedder = Embedder(
            session,
            model_id=card.id,
            input_rule=input_rule,
            crop_rule=crop_rule,
            dimension=dimension,
            norm_range=card.norm_range,
            reliability=reliability,
            pipeline_version=version,
        )
        return embedder, MEMORY_FACTOR * path.stat().st_size

    def _test(self, card: ModelCard, embedder: Embedder, precision: Precision) -> SelfTest:
        wanted, source = self._values.get(card.id), "stored values"
        if wanted is None and precision == "fp32":
            return SelfTest(card.id, precision, True, "no stored values to compare with")
        if wanted is None:
            exact, _ = self._network(card, "fp32", None, card.pipeline_version)
            wanted, source = recogniser_answers(exact), "its fp32 network"
        value, least = agreement(recogniser_answers(embedder), wanted), LEAST_AGREEMENT[precision]
        finding = f"agrees with {source} on drawn faces by {value:.5f}, at least {least} is right"
        return SelfTest(card.id, precision, value >= least, finding)


def _refusal(test: SelfTest) -> str:
    said = f"{test.model_id} computes wrong in {test.precision} on this machine: {test.finding}; "
    if test.precision == "int8":
        return said + "set VULTUS_PRECISION to auto or fp32"
    return said + "nothing is served with it: install onnxruntime again, or use another processor or emulator"


def _required(value: T | None, model_id: str, field: str) -> T:
    if value is None:
        raise ModelInvalid(f"the card of {model_id} has no {field}; add it")
    return value
