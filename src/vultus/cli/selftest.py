"""A self-test of the networks, without a database and without a photo of anyone."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from vultus.cli.catalogue import open_store
from vultus.config import Settings
from vultus.errors import ModelInvalid
from vultus.wiring import open_models, open_pipeline, warm_up


def timed_inference(settings: Settings) -> float:
    """Load the default pipeline, run each network twice; the seconds of the second round.

    Raises ModelNotInstalled or ModelInvalid when a network cannot be loaded or answers nonsense.
    """
    store = open_store(settings)
    models = open_models(settings, store)
    pipeline = open_pipeline(settings, store, store.cards, models)
    warm_up(pipeline, models)
    started = perf_counter()
    warm_up(pipeline, models)
    seconds = perf_counter() - started
    embedder = models.embedder(models.default)
    if not np.isclose(np.linalg.norm(embedder.embed([embedder.blank()])[0]), 1, atol=1e-3):
        raise ModelInvalid(f"{models.default} answers no embedding of length 1; run: vultus models prepare")
    return seconds
