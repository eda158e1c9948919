"""The liveness model of this process: loaded at its first use and tested, with the threshold that holds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vultus.errors import ModelInvalid, ModelNotInstalled
from vultus.models.card import ModelCard, cards_of
from vultus.models.liveness_calibration import LivenessCalibration, read_liveness_calibration
from vultus.models.repository.store import ModelStore
from vultus.records.liveness import NOT_CERTIFIED, NOT_SEEN, LivenessRule
from vultus.records.seen import RGB, Box, Float32
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.decoders import DECODERS, Decoders, Networks, decoded_cards
from vultus.vision.device import Device
from vultus.vision.liveness.detector import LivenessDetector
from vultus.vision.self_test.answers import agreement, liveness_answers

LEAST_AGREEMENT = 0.9999  # of what it answers to drawn faces; other kernels 0.9999999

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServedLiveness:
    """A loaded liveness model and its threshold."""

    id: str
    rule: LivenessRule
    detector: LivenessDetector
    pipeline_version: int = 1

    @property
    def box_scales(self) -> tuple[float, ...]:
        """How many times the box of the face each network looks at."""
        return self.detector.box_scales

    def score(self, pixels: RGB, box: Box) -> float:
        """The probability that the face in this box is live, 0..1. pixels: (H, W, 3) uint8 RGB."""
        return self.detector.score(pixels, box)


class LivenessModels:
    """Loads the liveness model of a store. Safe to use from several threads.

    Where there are cards of several, the first one that is installed serves.
    """

    def __init__(
        self,
        store: ModelStore,
        cards: Sequence[ModelCard],
        *,
        operator_calibrations: Mapping[str, LivenessCalibration] | None = None,
        device: Device = "cpu",
        decoders: Decoders = DECODERS,
        self_test_values: Mapping[str, Float32],
    ) -> None:
        """operator_calibrations: by model id; they take precedence over the cards'."""
        self._store, self._device, self._decoders = store, device, decoders
        of_task = cards_of(cards, "liveness")
        self._cards = decoded_cards(of_task, "liveness", decoders) if "liveness" in decoders else ()
        self.operator_calibrations: Mapping[str, LivenessCalibration] = dict(operator_calibrations or {})
        self._values = self_test_values
        self._served: ServedLiveness | None = None
        self._loading = threading.Lock()

    def get(self) -> ServedLiveness:
        """The model, loaded by the first caller.

        Raises: ModelNotInstalled with the command that installs it; ModelInvalid when it computes wrong, or nothing
        says from which score on a face is live.
        """
        with self._loading:
            if self._served is None:
                self._served = self._load(self._card())
            return self._served

    def capabilities(self) -> dict[str, Any] | None:
        """What /capabilities says of it; None where there is no card of one."""
        if not self._cards:
            return None
        card = self._card()
        rule = self.rule(card)
        calibration = self.operator_calibrations.get(card.id) or card.liveness
        attacks = calibration.attacks if calibration is not None else ()
        return {
            "model_id": card.id,
            "installed": self._store.status(card).state == "prepared",
            "threshold": rule.threshold if rule else None,
            "bpcer": rule.bpcer if rule else None,
            "threshold_from": rule.source if rule else None,
            "live_data": calibration.data if calibration is not None else None,
            "attacks": [
                {
                    "kind": one.kind,
                    "apcer": one.accepted / one.presented,
                    "accepted": one.accepted,
                    "presented": one.presented,
                    "threshold": one.threshold,
                    "data": one.data,
                }
                for one in attacks
            ],
            "not_seen": NOT_SEEN,
            "note": f"{NOT_CERTIFIED}; error rates of attacks that are not listed were not measured",
        }

    def rule(self, card: ModelCard) -> LivenessRule | None:
        """The threshold that holds for a model; None where nobody measured one."""
        own = self.operator_calibrations.get(card.id)
        calibration = own or card.liveness
        if calibration is None:
            return None
        return LivenessRule(card.id, calibration.threshold, calibration.bpcer, "card" if own is None else "operator")

    def _card(self) -> ModelCard:
        if not self._cards:
            raise ModelNotInstalled("there is no card of a liveness model; install Vultus again")
        installed = (card for card in self._cards if self._store.status(card).state == "prepared")
        return next(installed, self._cards[0])

    def _load(self, card: ModelCard) -> ServedLiveness:
        rule = self.rule(card)
        if rule is None:
            raise ModelInvalid(
                f"nothing says from which score on {card.id} takes a face for live; calibrate it: "
                "vultus calibrate --liveness FOLDER"
            )
        networks = Networks(self._path, ComputeSlots(1, queue=0, wait_seconds=1), self._device)
        detector: LivenessDetector = self._decoders["liveness"][str(card.decoder)](card, networks)
        self._test(card.id, detector)
        return ServedLiveness(card.id, rule, detector, card.pipeline_version)

    def _path(self, model_id: str, file: str) -> Path:
        card = next(card for card in self._cards if card.id == model_id)
        try:
            return self._store.path(card, file)
        except ModelNotInstalled as exc:
            raise ModelNotInstalled(
                f"liveness is asked for, and its model {card.id} is not installed; run: vultus models pull {card.id}"
            ) from exc

    def _test(self, model_id: str, detector: LivenessDetector) -> None:
        wanted = self._values.get(model_id)
        if wanted is None:
            return
        value = agreement(liveness_answers(detector), np.asarray(wanted))
        if value < LEAST_AGREEMENT:
            raise ModelInvalid(
                f"{model_id} computes wrong on this machine: it agrees with stored values on drawn faces by "
                f"{value:.5f}, at least {LEAST_AGREEMENT} is right; nothing is decided with it: install onnxruntime "
                "again, or use another processor or emulator"
            )


def read_liveness_calibrations(data_dir: Path, cards: Sequence[ModelCard]) -> dict[str, LivenessCalibration]:
    """The operator's thresholds by model id. Raises: ModelInvalid when one does not fit its model."""
    found = {}
    for card in cards_of(cards, "liveness"):
        calibration = read_liveness_calibration(data_dir, card.id, card.pipeline_version)
        if calibration is not None:
            found[card.id] = calibration
            log.info("the liveness threshold of %s is the operator's: %.4f", card.id, calibration.threshold)
    return found
