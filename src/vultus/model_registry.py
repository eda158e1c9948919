"""The recognition models of this process: finds a model by name and loads it, within a budget of memory."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from vultus.errors import InvalidRequest, ModelInvalid, ModelNameNotAllowed
from vultus.matching.decision import ThresholdTable
from vultus.matching.rates import ProbeMixture, RateCurve, SearchModel
from vultus.models.card import Calibration, ModelCard, cards_of, find_card
from vultus.models.excluded_models import refusal
from vultus.models.precision import Precision
from vultus.models.repository.store import ModelStore
from vultus.vision.embed import Embedder, Recogniser
from vultus.vision.fuse import FusedEmbedder
from vultus.vision.model_check import check_recogniser
from vultus.vision.session import Session

T = TypeVar("T")

_log = logging.getLogger(__name__)


class LoadedModels(Generic[T]):
    """A cache of loaded models by name, the least recently used ones dropped first. Safe in several threads.

    Dropping a model drops the cache's reference: a caller that still uses it keeps it alive until then. So memory may
    for a while be above the budget by the models in use.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, name: str, load: Callable[[], tuple[T, int]]) -> T:
        """The model of this name. load: returns the model and its bytes; called once, while other callers for the same
        model wait and callers for another model do not."""
        kept = self._find(name)
        if kept is not None:
            return kept
        with self._lock:
            loading = self._loading[name]
        with loading:
            kept = self._find(name)  # another thread may have loaded it while this one waited
            if kept is not None:
                return kept
            model, size = load()
            self._keep(name, model, size)
            return model

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._kept

    def _find(self, name: str) -> T | None:
        with self._lock:
            if name not in self._kept:
                return None
            self._kept.move_to_end(name)
            return self._kept[name][0]

    def _keep(self, name: str, model: T, size: int) -> None:
        dropped: list[tuple[str, T]] = []
        with self._lock:
            while self._kept and self._used() + size > self._budget:
                oldest, (released, _) = self._kept.popitem(last=False)
                dropped.append((oldest, released))
            self._kept[name] = model, size
        # Freeing hundreds of megabytes takes a while: `dropped` holds the references until the lock is released.
        for oldest, _ in dropped:
            _log.info("%s is unloaded to make room for %s", oldest, name)
        if size > self._budget:
            _log.warning("%s takes about %d bytes, more than the budget of %d for models", name, size, self._budget)

    def _used(self) -> int:
        return sum(size for _, size in self._kept.values())


# Memory of a loaded network over the size of its file: 2.5 to 3.3, measured with FaceNet and SFace, fp32 and int8.
MEMORY_FACTOR = 3
DEFAULT_MEMORY_BYTES = 1 << 30


class ModelRegistry:
    """Finds models by id or alias, and loads each on first use, within a budget of memory."""

    def __init__(
        self,
        store: ModelStore,
        cards: Sequence[ModelCard],
        *,
        default: str,
        operator_calibrations: Mapping[str, Calibration] | None = None,
        precision: Precision = "fp32",
        allow_noncommercial: bool = False,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        stand_ins: Mapping[str, str] | None = None,
    ) -> None:
        """default: id or alias of the model for requests that name none.

        operator_calibrations: by model id; they take precedence over the cards'. precision: int8 applies to the models
        that have it. allow_noncommercial: serve weights that may not be used commercially. stand_ins: card id -> id of
        the card that the first one's aliases (never its id) mean while its weights are not installed.

        Raises: ModelNameNotAllowed when no recognition card has the default's name.
        """
        self._store = store
        self._cards = cards_of(cards, "recognition")
        self._operator_calibrations = dict(operator_calibrations or {})
        self._precision = precision
        self._allow_noncommercial = allow_noncommercial
        self._stand_ins = dict(stand_ins or {})
        self._loaded: LoadedModels[Recogniser[Any]] = LoadedModels(memory_bytes)
        self.default = self._card(default).id

    def resolve(self, name: str | None) -> str:
        """The id of a model by id or alias; None means the default.

        Raises ModelNameNotAllowed, ModelNotInstalled (with the command that installs it).
        """
        card = self._meant(self.default if name is None else name)
        if card.id not in self._loaded:
            for member in self._store.members(card):
                self._path(member)
        return card.id

    def precision(self, model_id: str) -> Precision:
        """The arithmetic that the model computes in. Embeddings of both kinds compare with each other."""
        members = self._store.members(self._card(model_id))
        return self._precision if all(member.int8 is not None for member in members) else "fp32"

    def pipeline_version(self, model_id: str) -> int:
        """The version of the model's preprocessing."""
        return self._card(model_id).pipeline_version

    def dimension(self, model_id: str) -> int:
        """The length of the model's embeddings."""
        return _required(self._card(model_id).output_dimension, model_id, "output_dimension")

    def calibration(self, model_id: str) -> ThresholdTable | None:
        """The thresholds by the operator's calibration, else by the card's; None when the model has neither."""
        calibration = self._operator_calibrations.get(model_id) or self._card(model_id).calibration
        if calibration is None:
            return None
        return ThresholdTable(model_id, calibration.thresholds, search=_search_model(calibration))

    def thresholds(self, model_id: str) -> ThresholdTable:
        """As `calibration`. Raises InvalidRequest when the model has none."""
        table = self.calibration(model_id)
        if table is None:
            raise InvalidRequest(
                f"{model_id} has no calibration, so no error rate can be asked of it; send a threshold, or calibrate "
                f"it once: vultus calibrate FOLDER --model {model_id}"
            )
        return table

    def embedder(self, model_id: str) -> Recogniser[Any]:
        """The loaded model; the first caller loads it, callers at the same time wait for that one load.

        Raises ModelNameNotAllowed, ModelNotInstalled, ModelInvalid when the file is not the one its card describes.
        """
        card = self._card(model_id)
        return self._loaded.get(card.id, lambda: self._load(card))

    def capabilities(self) -> list[dict[str, Any]]:
        """One plain dictionary per recognition model, for programs."""
        return [self._describe(card) for card in self._cards]

    def _card(self, name: str) -> ModelCard:
        """The served card of a name. Raises ModelNameNotAllowed, with the reason where the licence is one."""
        card = find_card(self._cards, name)
        if card is None:
            known = (known for each in self._cards if self._may_serve(each) for known in (each.id, *each.aliases))
            why = refusal(name)
            raise ModelNameNotAllowed(why or f"model_name {name!r} is not served; use one of: {', '.join(known)}")
        if not self._may_serve(card):
            raise ModelNameNotAllowed(
                f"{card.id} is not served: its weights ({card.licence.weights}) may not be used commercially; where "
                "that is no matter, the operator can set VULTUS_ALLOW_NONCOMMERCIAL=true"
            )
        return card

    def _meant(self, name: str) -> ModelCard:
        """The card of a name, or the one that stands in for it."""
        card = self._card(name)
        stand_in = self._stand_ins.get(card.id) if name.casefold() != card.id else None
        if stand_in is None or self._store.status(card).state != "missing":
            return card
        return self._card(stand_in)

    def _may_serve(self, card: ModelCard) -> bool:
        return card.licence.commercial_use or self._allow_noncommercial

    def _path(self, card: ModelCard) -> Path:
        return self._store.path(card, card.files[0].name, self.precision(card.id))

    def _load(self, card: ModelCard) -> tuple[Recogniser[Any], int]:
        """The model, and the bytes it takes in memory."""
        if not card.fused:
            return self._load_network(card)
        loaded = [self._load_network(member) for member in self._store.members(card)]
        weighted = [(model, weight) for (model, _), (_, weight) in zip(loaded, card.fused, strict=True)]
        fused = FusedEmbedder(weighted, model_id=card.id)
        if fused.dimension != card.output_dimension:
            raise ModelInvalid(f"{card.id} has {fused.dimension} numbers; mend output_dimension in its card")
        return fused, sum(size for _, size in loaded)

    def _load_network(self, card: ModelCard) -> tuple[Embedder, int]:
        path, dimension = self._path(card), self.dimension(card.id)
        session = Session(path)
        input_rule, crop_rule = _required(card.input, card.id, "input"), _required(card.crop, card.id, "crop")
        check_recogniser(session, input_rule=input_rule, dimension=dimension)
        embedder = Embedder(
            session,
            model_id=card.id,
            input_rule=input_rule,
            crop_rule=crop_rule,
            dimension=dimension,
            norm_range=card.norm_range,
        )
        return embedder, MEMORY_FACTOR * path.stat().st_size

    def _describe(self, card: ModelCard) -> dict[str, Any]:
        status = self._store.status(card)
        return {
            "model_id": card.id,
            "aliases": list(card.aliases),
            "dimension": card.output_dimension,
            "installed": status.state == "prepared",
            "state": status.state,
            "precision": self.precision(card.id) if self._may_serve(card) else "fp32",
            "warm": card.id in self._loaded,
            "licence": card.licence.weights,
            "commercial_use": card.licence.commercial_use,
            "allowed": self._may_serve(card),
            "training_data": card.licence.training_data,
        }


def _search_model(calibration: Calibration) -> SearchModel | None:
    """What a calibration knows of searches, as the comparison uses it."""
    search = calibration.search
    if search is None:
        return None
    return SearchModel(
        ProbeMixture(search.shape, search.exponent),
        RateCurve(search.thresholds),
        search.smallest_fmr,
        search.smallest_fpir,
        search.largest_gallery,
    )


def _required(value: T | None, model_id: str, field: str) -> T:
    if value is None:
        raise ModelInvalid(f"the card of {model_id} has no {field}; add it")
    return value
