"""The models of this process, by task: finds a recognition model by name and loads it, within a budget of memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vultus.errors import InvalidRequest, ModelInvalid, ModelMismatch, ModelNameNotAllowed, ModelNotInstalled
from vultus.liveness_models import LivenessModels, ServedLiveness
from vultus.loaded_models import LoadedModels
from vultus.matching.decision import ThresholdTable
from vultus.matching.rates import ProbeMixture, RateCurve, SearchModel
from vultus.matching.reference_faces import ReferenceFaces
from vultus.matching.reliability import ReliabilityModel
from vultus.model_loading import RecogniserLoader, SelfTest
from vultus.model_references import reference_faces, relative_rates
from vultus.models.card import Calibration, ModelCard, cards_of, find_card, known_card
from vultus.models.excluded_models import not_converted, refusal
from vultus.models.liveness_calibration import LivenessCalibration
from vultus.models.precision import Precision
from vultus.models.relative_calibration import RelativeCalibration
from vultus.models.repository.store import ModelStore
from vultus.models.self_test_values import self_test_values as stored_values
from vultus.records.samples import LoadedModel
from vultus.records.seen import Float32
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.decoders import DECODERS, Decoders, Networks, decoded_cards
from vultus.vision.device import Device
from vultus.vision.embed import Recogniser

DEFAULT_MEMORY_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A recognition model that a name was resolved to; passed down instead of the name.

    calibration: the operator's, or else the card's; None without either. reference: faces that its scores are relative
    to, None where cosines decide. load: the network, loaded at its first use.
    """

    id: str
    card: ModelCard
    dimension: int
    pipeline_version: int
    calibration: ThresholdTable | None
    reference: ReferenceFaces | None
    find_precision: Callable[[], Precision] = field(repr=False)
    load: Callable[[], Recogniser[Any]] = field(repr=False)

    @property
    def precision(self) -> Precision:
        """The arithmetic of its networks; known for certain once it is loaded, as its self-test may lead to fp32."""
        return self.find_precision()

    def thresholds(self) -> ThresholdTable:
        """The calibration. Raises: InvalidRequest when the model has none."""
        if self.calibration is None:
            raise InvalidRequest(
                f"{self.id} has no calibration, so no error rate can be asked of it; send a threshold, or calibrate "
                f"it once: vultus calibrate FOLDER --model {self.id}"
            )
        return self.calibration

    def scores_of_card(self) -> tuple[RelativeCalibration, ReferenceFaces] | None:
        """The relative scores of the card, also where the operator's calibration hides them; None where it has none.

        Raises: ModelInvalid when its mean faces cannot be read.
        """
        calibration = self.card.calibration
        if calibration is None or calibration.relative is None:
            return None
        reference = reference_faces(self.card, calibration)
        return None if reference is None else (calibration.relative, reference)

    def embedder(self) -> Recogniser[Any]:
        """The loaded model; the first caller loads it, callers at the same time wait for that one load.

        Raises: ModelNotInstalled; ModelInvalid when the file is not the one that the card describes.
        """
        return self.load()

    def at_version(self, version: int) -> ServedModel:
        """The model with the preprocessing of an older version; its network is shared.

        Raises: ModelMismatch when this version can no longer be made.
        """
        if version == self.pipeline_version:
            return self
        if version not in self.card.older_versions:
            made = ", ".join(map(str, sorted((*self.card.older_versions, self.card.pipeline_version))))
            raise ModelMismatch(
                f"version {version} of {self.id} cannot be made, only {made}; their embeddings do not compare: "
                "enroll anew"
            )
        # The calibration holds for all versions of a card: see `operator_calibration`.
        return replace(self, pipeline_version=version, load=lambda: self.load().at_version(version))


class ModelRegistry:
    """Finds models by id or alias, and loads each on first use, within a budget of memory."""

    def __init__(
        self,
        store: ModelStore,
        cards: Sequence[ModelCard],
        *,
        default: str,
        operator_calibrations: Mapping[str, Calibration] | None = None,
        device: Device = "cpu",
        precision: Precision = "fp32",
        fall_back: bool = False,
        allow_noncommercial: bool = False,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        use_stand_ins: bool = False,
        decoders: Decoders = DECODERS,
        self_test_values: Mapping[str, Float32] | None = None,
        operator_liveness: Mapping[str, LivenessCalibration] | None = None,
    ) -> None:
        """default: id or alias of the model for requests that name none.

        operator_calibrations, operator_liveness: by model id; they take precedence over the cards'. device: of all
        networks, the detectors' too. precision: int8 applies to the models that have it; fall_back: those that compute
        wrong in int8 are served in fp32, else refused. allow_noncommercial: serve weights that may not be used
        commercially. use_stand_ins: while the weights of a card with a stand-in are not installed, its aliases (never
        its id) mean that one. decoders: of the tasks other than recognition. self_test_values: what models must answer
        to drawn faces; None: those of the box.

        Raises: ModelNameNotAllowed when no recognition card has the default's name.
        """
        self._store = store
        self._all_cards = tuple(cards)
        self._cards = cards_of(cards, "recognition")
        self._operator_calibrations = dict(operator_calibrations or {})
        self._device = device
        self._loader = RecogniserLoader(
            store, device=device, precision=precision, fall_back=fall_back, values=self_test_values
        )
        self._liveness = LivenessModels(
            store,
            cards,
            operator_calibrations=operator_liveness,
            device=device,
            decoders=decoders,
            self_test_values=stored_values() if self_test_values is None else self_test_values,
        )
        self._allow_noncommercial = allow_noncommercial
        self._use_stand_ins = use_stand_ins
        self._decoders = decoders
        self._loaded: LoadedModels[Recogniser[Any]] = LoadedModels(memory_bytes)
        self._served: dict[str, ServedModel] = {}
        self.default = self._card(default).id

    def resolve(self, name: str | None) -> ServedModel:
        """The model of an id or alias, its files verified; None means the default.

        Raises: ModelNameNotAllowed; ModelNotInstalled with the command that installs it.
        """
        card = self._meant(self.default if name is None else name)
        if card.id not in self._loaded:
            for member in self._store.members(card):
                self._loader.path(member)
        return self.served(card.id)

    def served(self, name: str) -> ServedModel:
        """The model of an id or alias, whether or not its files are there. Raises: ModelNameNotAllowed."""
        known = self._served.get(name)
        if known is not None:
            return known
        card = self._card(name)
        if card.id not in self._served:
            self._served.setdefault(card.id, self._serve(card))  # of two threads the first one's stays
        return self._served[card.id]

    def _serve(self, card: ModelCard) -> ServedModel:
        calibration = self._operator_calibrations.get(card.id) or card.calibration
        return ServedModel(
            id=card.id,
            card=card,
            dimension=_dimension(card),
            pipeline_version=card.pipeline_version,
            calibration=None if calibration is None else _threshold_table(card.id, calibration),
            reference=None if calibration is None else reference_faces(card, calibration),
            # Embeddings of fp32 and int8 compare with each other.
            find_precision=lambda: self._loader.precision(card),
            load=lambda: self._loaded.get(card.id, lambda: self._loader.load(card, self._reliability)),
        )

    def open_task(self, task: str, slots: ComputeSlots) -> dict[str, Any]:
        """The models of a task whose cards name a decoder, by id, loaded, in the order of the decoders.

        slots: the cores that their networks may use. Raises: ModelInvalid for a decoder that there is not, a network
        that no card has, a file that is no network, or a detector that computes wrong; ModelNotInstalled.
        """
        networks = Networks(self._file, slots, self._device)
        cards = decoded_cards(cards_of(self._all_cards, task), task, self._decoders)
        opened = {card.id: self._decoders[task][str(card.decoder)](card, networks) for card in cards}
        if task == "detection":
            for name, detector in opened.items():
                self._loader.test_detector(name, detector)
        return opened

    def liveness(self) -> ServedLiveness:
        """The liveness model, loaded at its first use. Raises: ModelNotInstalled, ModelInvalid."""
        return self._liveness.get()

    @property
    def operator_liveness(self) -> Mapping[str, LivenessCalibration]:
        """The operator's thresholds of liveness models, by model id."""
        return self._liveness.operator_calibrations

    def liveness_installed(self) -> bool:
        """Whether there is a liveness model whose files are there."""
        known = self._liveness.capabilities()
        return known is not None and bool(known["installed"])

    def liveness_capabilities(self) -> dict[str, Any] | None:
        """The liveness model and its threshold, for programs; None where there is no card of one."""
        return self._liveness.capabilities()

    @property
    def operator_calibrations(self) -> Mapping[str, Calibration]:
        """The operator's, by model id."""
        return self._operator_calibrations

    @property
    def self_tests(self) -> tuple[SelfTest, ...]:
        """What the models that were loaded answered to drawn faces."""
        return self._loader.self_tests

    @property
    def device(self) -> Device:
        """What computes all networks."""
        return self._device

    @property
    def precision(self) -> Precision:
        """The arithmetic of the models that have it."""
        return self._loader.wanted_precision

    def loaded(self) -> tuple[LoadedModel, ...]:
        """The recognition models in memory."""
        return tuple(
            LoadedModel(card.id, self.served(card.id).precision) for card in self._cards if card.id in self._loaded
        )

    def failed_self_tests(self) -> tuple[str, ...]:
        """What failed when models were loaded, each in words."""
        failed = (test for test in self.self_tests if not test.passed)
        return tuple(f"{test.model_id} in {test.precision}: {test.finding}" for test in failed)

    def capabilities(self) -> list[dict[str, Any]]:
        """One plain dictionary per recognition model, for programs."""
        return [self._describe(card) for card in self._cards]

    def _card(self, name: str) -> ModelCard:
        """The served card of a name. Raises ModelNameNotAllowed, with the reason where the licence is one."""
        card = find_card(self._cards, name)
        if card is None:
            if why := not_converted(name):
                raise ModelNotInstalled(why)
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
        stand_in = card.stand_in if self._use_stand_ins and name.casefold() != card.id else None
        if stand_in is None or self._store.status(card).state != "missing":
            return card
        return self._card(stand_in)

    def _may_serve(self, card: ModelCard) -> bool:
        return card.licence.commercial_use or self._allow_noncommercial

    def card(self, name: str) -> ModelCard:
        """The card of an id or alias, of any task. Raises: ModelInvalid when there is none."""
        return known_card(self._all_cards, name)

    def _file(self, model_id: str, file: str) -> Path:
        return self._store.path(self.card(model_id), file)

    def _reliability(self, card: ModelCard) -> ReliabilityModel | None:
        reference = self.served(card.id).reference
        return None if reference is None else reference.reliability

    def _describe(self, card: ModelCard) -> dict[str, Any]:
        status = self._store.status(card)
        return {
            "model_id": card.id,
            "aliases": list(card.aliases),
            "dimension": card.output_dimension,
            "installed": status.state == "prepared",
            "state": status.state,
            "precision": self.served(card.id).precision if self._may_serve(card) else "fp32",
            "warm": card.id in self._loaded,
            "licence": card.licence.weights,
            "commercial_use": card.licence.commercial_use,
            "allowed": self._may_serve(card),
            "training_data": card.licence.training_data,
        }


def _threshold_table(model_id: str, calibration: Calibration) -> ThresholdTable:
    return ThresholdTable(
        model_id,
        calibration.thresholds,
        search=_search_model(calibration),
        relative=relative_rates(calibration.relative),
    )


def _search_model(calibration: Calibration) -> SearchModel | None:
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


def _dimension(card: ModelCard) -> int:
    if card.output_dimension is None:
        raise ModelInvalid(f"the card of {card.id} has no output_dimension; add it")
    return card.output_dimension
