"""The recognition models this process serves: names to cards, cards to loaded networks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, TypeVar

from vultus.errors import ModelInvalid, ModelNameNotAllowed
from vultus.models.card import ModelCard, find_card
from vultus.models.store import ModelStore
from vultus.vision.compare import ThresholdTable
from vultus.vision.embed import Embedder
from vultus.vision.session import Session

T = TypeVar("T")


class ServedModels:
    """Resolves model names and loads each model once, on first use."""

    def __init__(self, store: ModelStore, cards: Sequence[ModelCard], *, default: str, threads: int = 1) -> None:
        """default: id or alias of the model for requests that name none. threads: of one run of a network.

        Raises ModelNameNotAllowed when no recognition card has the default's name.
        """
        self._store = store
        self._cards = tuple(card for card in cards if card.task == "recognition")
        self._threads = threads
        self._loaded: dict[str, Embedder] = {}
        self._lock = threading.Lock()
        self.default = self._card(default).id

    def resolve(self, name: str | None) -> str:
        """The id of a model by id or alias; None means the default.

        Raises ModelNameNotAllowed, ModelNotInstalled (with the command that installs it).
        """
        card = self._card(self.default if name is None else name)
        if card.id not in self._loaded:
            for file in card.files:
                self._store.path(card, file.name)
        return card.id

    def pipeline_version(self, model_id: str) -> int:
        """The version of the model's preprocessing."""
        return self._card(model_id).pipeline_version

    def dimension(self, model_id: str) -> int:
        """The length of the model's embeddings."""
        return _required(self._card(model_id).output_dimension, model_id, "output_dimension")

    def thresholds(self, model_id: str) -> ThresholdTable:
        """The model's calibration. Raises ModelInvalid when its card has none."""
        calibration = self._card(model_id).calibration
        if calibration is None:
            raise ModelInvalid(f"{model_id} has no calibration; give a threshold with the request")
        return ThresholdTable(model_id, calibration.thresholds)

    def embedder(self, model_id: str) -> Embedder:
        """The loaded model; the first caller loads it, callers at the same time wait for that one load."""
        with self._lock:
            if model_id not in self._loaded:
                self._loaded[model_id] = self._load(self._card(model_id))
            return self._loaded[model_id]

    def capabilities(self) -> list[dict[str, Any]]:
        """One plain dictionary per recognition model, for programs."""
        return [self._describe(card) for card in self._cards]

    def _card(self, name: str) -> ModelCard:
        card = find_card(self._cards, name)
        if card is None:
            served = ", ".join(known for each in self._cards for known in (each.id, *each.aliases))
            raise ModelNameNotAllowed(f"model_name {name!r} is not served; use one of: {served}")
        return card

    def _load(self, card: ModelCard) -> Embedder:
        session = Session(self._store.path(card, card.files[0].name), threads=self._threads)
        return Embedder(
            session,
            model_id=card.id,
            input_rule=card.input,
            crop_rule=_required(card.crop, card.id, "crop"),
            dimension=self.dimension(card.id),
        )

    def _describe(self, card: ModelCard) -> dict[str, Any]:
        status = self._store.status(card)
        return {
            "model_id": card.id,
            "aliases": list(card.aliases),
            "dimension": card.output_dimension,
            "installed": status.state == "prepared",
            "state": status.state,
            "warm": card.id in self._loaded,
            "licence": card.licence.weights,
            "commercial_use": card.licence.commercial_use,
            "training_data": card.licence.training_data,
        }


def _required(value: T | None, model_id: str, field: str) -> T:
    if value is None:
        raise ModelInvalid(f"the card of {model_id} has no {field}; add it")
    return value
