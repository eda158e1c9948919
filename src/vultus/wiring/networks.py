"""The models and the pipeline that the settings describe."""

from __future__ import annotations

import logging
from functools import partial

import numpy as np

from vultus.config import Settings
from vultus.liveness_models import read_liveness_calibrations
from vultus.model_registry import ModelRegistry
from vultus.models.card import ModelCard, cards_of, known_card
from vultus.models.operator_calibration import read_operator_calibrations
from vultus.models.precision import PrecisionChoice, best_precision, cpu_flags
from vultus.models.repository.store import ModelStore
from vultus.vision.compute_slots import ComputeSlots, compute_in_calling_thread
from vultus.vision.decoders import decoded_cards
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.isolated import Decode
from vultus.vision.decoding.limits import DecodeLimits
from vultus.vision.detect import STOOD_IN_FOR
from vultus.vision.device import DeviceChoice, best_device
from vultus.vision.pipeline import Pipeline
from vultus.vision.session import share_memory, working_providers

log = logging.getLogger(__name__)


WARM_UP_SIDE = 640  # pixels


def prepare(store: ModelStore, cards: tuple[ModelCard, ...], settings: Settings) -> None:
    """Convert and verify what the default pipeline needs; quick when it was done before."""
    store.prepare(known_card(cards, settings.default_model))
    for card in decoded_cards(cards_of(cards, "detection"), "detection"):  # what else has decoders is installed by wish
        store.prepare(card)


def open_models(settings: Settings, store: ModelStore) -> ModelRegistry:
    """The recognition models, none of them loaded yet.

    Raises ModelNameNotAllowed when the default one may not be served, ModelInvalid when a calibration does not fit.
    """
    share_memory()
    device, choice = chosen_arithmetic(settings)
    log.info("models compute on %s: %s", device.device, device.reason)
    log.info("models compute in %s: %s", choice.precision, choice.reason)
    return ModelRegistry(
        store,
        store.cards,
        default=settings.default_model,
        operator_calibrations=read_operator_calibrations(settings.data_dir, settings.model_dir, store.cards),
        operator_liveness=read_liveness_calibrations(settings.data_dir, store.cards),
        device=device.device,
        precision=choice.precision,
        fall_back=settings.precision == "auto",
        allow_noncommercial=settings.allow_noncommercial,
        memory_bytes=settings.model_memory_bytes,
        use_stand_ins=settings.facenet512_stand_in is True,
    )


def chosen_arithmetic(settings: Settings) -> tuple[DeviceChoice, PrecisionChoice]:
    """The device and the arithmetic that these settings choose on this machine, and why.

    Raises SettingsInvalid when a GPU is asked for that is not there.
    """
    providers = () if settings.device == "cpu" else working_providers()
    device = best_device(settings.device, int8=settings.precision == "int8", providers=providers)
    if device.device == "cuda":
        return device, PrecisionChoice("fp32", "on a GPU all models do")
    return device, best_precision(settings.precision, cpu_flags())


def decode_limits(settings: Settings) -> DecodeLimits:
    """What decoding one image may take."""
    return DecodeLimits(settings.max_image_pixels, settings.max_decode_bytes, settings.decode_seconds)


def open_slots(settings: Settings) -> ComputeSlots:
    """The places of the pipeline, each of them a core."""
    return ComputeSlots(settings.compute_slots, queue=settings.queue_size, wait_seconds=settings.queue_wait_seconds)


def open_pipeline(
    settings: Settings, models: ModelRegistry, decoder: Decode | None = None, slots: ComputeSlots | None = None
) -> Pipeline:
    """The vision pipeline with all detectors loaded. OpenCV computes in the calling thread from then on.

    decoder: None: photos are decoded in the calling thread, without a limit of time. slots: None: of its own.
    """
    compute_in_calling_thread()
    slots = slots or open_slots(settings)
    return Pipeline(
        models.open_task("detection", slots),
        default_detector=settings.default_detector,
        fallback=models.card(settings.default_detector).fallback,
        stood_in_for=STOOD_IN_FOR,
        slots=slots,
        decode=decoder or partial(decode, limits=decode_limits(settings)),
        max_faces=settings.max_faces,
    )


def warm_up(pipeline: Pipeline, models: ModelRegistry) -> None:
    """Run every network of the default pipeline once, so that the first request finds them warm."""
    grey = np.full((WARM_UP_SIDE, WARM_UP_SIDE, 3), 127, np.uint8)
    pipeline.warm_up(grey)
    embedder = models.served(models.default).embedder()
    embedder.embed([embedder.blank()])
