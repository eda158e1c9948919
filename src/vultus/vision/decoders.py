"""The decoders by task: how a model is built from the networks of its card, where outputs differ between models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from vultus.errors import ModelInvalid
from vultus.records.seen import InputRule
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.detect import Detector, YuNet
from vultus.vision.device import Device
from vultus.vision.liveness.detector import LivenessDetector
from vultus.vision.mtcnn import MTCNN, ONet
from vultus.vision.session import Session, SpreadSession


class NamedFile(Protocol):
    """A file of a card."""

    @property
    def name(self) -> str: ...


class DecodedCard(Protocol):
    """What decoders read of a model card; `models.card.ModelCard` says what each field means."""

    @property
    def id(self) -> str: ...
    @property
    def decoder(self) -> str | None: ...
    @property
    def input(self) -> InputRule | None: ...
    @property
    def refiner(self) -> str | None: ...
    @property
    def box_scales(self) -> tuple[float, ...]: ...
    @property
    def files(self) -> Sequence[NamedFile]: ...


Card = TypeVar("Card", bound=DecodedCard)


class Networks:
    """Loads the networks of models, each file once, also when two models use it."""

    def __init__(self, path: Callable[[str, str], Path], slots: ComputeSlots, device: Device = "cpu") -> None:
        """path: (model id, file name) -> the verified file. device: of all of them."""
        self._path = path
        self._slots, self._device = slots, device
        self._loaded: dict[tuple[str, str], Session] = {}

    def session(self, model_id: str, file: str) -> Session:
        """The network in one thread. Raises: ModelNotInstalled, ModelInvalid."""
        key = (model_id, file)
        if key not in self._loaded:
            self._loaded[key] = Session(self._path(*key), device=self._device)
        return self._loaded[key]

    def spread_session(self, model_id: str, file: str) -> SpreadSession:
        """The network in one thread or several. Raises: ModelNotInstalled, ModelInvalid."""
        return SpreadSession(self._path(model_id, file), self._slots, device=self._device)


def _yunet(card: DecodedCard, networks: Networks) -> Detector:
    refiner = None if card.refiner is None else ONet(networks.session(card.refiner, "onet"))
    return YuNet(networks.spread_session(card.id, "detector"), refiner=refiner)


def _mtcnn(card: DecodedCard, networks: Networks) -> Detector:
    pnet, rnet, onet = (networks.session(card.id, file) for file in ("pnet", "rnet", "onet"))
    return MTCNN(pnet, rnet, ONet(onet))


def _minifasnet(card: DecodedCard, networks: Networks) -> LivenessDetector:
    crops = zip(card.files, card.box_scales, strict=True)
    return LivenessDetector(card.id, [(networks.session(card.id, file.name), scale) for file, scale in crops])


Decoder = Callable[[Any, Networks], Any]
Decoders = Mapping[str, Mapping[str, Decoder]]  # task -> name of the decoder -> what builds the model

# Every task whose cards name a decoder, with its decoders in the order in which their models are listed.
DECODERS: Decoders = {
    "detection": {"yunet": _yunet, "mtcnn": _mtcnn},
    "liveness": {"minifasnet": _minifasnet},
}


def decoded_cards(cards: Iterable[Card], task: str, decoders: Decoders = DECODERS) -> tuple[Card, ...]:
    """The cards of a task that name a decoder, in the order of its decoders.

    cards: of this task. Raises: ModelInvalid when one names a decoder that there is not.
    """
    order = list(decoders[task])
    named = [card for card in cards if card.decoder is not None]
    for card in named:
        if card.decoder not in order:
            help_ = f"use one of: {', '.join(order)}" if order else f"there is none for {task} yet; remove the card"
            raise ModelInvalid(f"the card of {card.id} names the decoder {card.decoder!r}; {help_}")
    return tuple(sorted(named, key=lambda card: order.index(str(card.decoder))))
