"""The networks alone: for commands that need no database."""

from __future__ import annotations

from dataclasses import dataclass

from vultus.config import Settings
from vultus.model_registry import ServedModels
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.vision.pipeline import Pipeline
from vultus.wiring import check, open_models, open_pipeline, prepare


@dataclass(frozen=True)
class Vision:
    """Photos to templates, as the service makes them."""

    pipeline: Pipeline
    models: ServedModels


def open_vision(settings: Settings) -> Vision:
    """The pipeline of these settings, its default model and detectors prepared.

    Raises SettingsInvalid, ModelNameNotAllowed, ModelInvalid, ModelNotInstalled.
    """
    check(settings)
    cards = known_cards(settings.model_dir)
    store = ModelStore(settings.model_dir, cards)
    prepare(store, cards, settings)
    models = open_models(settings, store)
    return Vision(open_pipeline(settings, store, cards, models), models)
