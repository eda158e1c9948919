"""Stores what the models of the box answer to drawn faces in fp32: python -m benchmarks.self_test_values

Run it when a card, its preprocessing or the drawn faces change, on a machine whose fp32 is trusted. Models whose
weights are not installed keep the values that they have.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import vultus.models.self_test_values
from vultus.config import Settings
from vultus.errors import ModelNotInstalled
from vultus.model_loading import RecogniserLoader
from vultus.model_registry import ModelRegistry
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.self_test.answers import detector_answers, liveness_answers, recogniser_answers

PLACE = Path(vultus.models.self_test_values.__file__).parent / "self_test" / vultus.models.self_test_values.FILE


def main() -> None:
    """Write the file of values anew."""
    settings = Settings(precision="fp32", compute_slots=1, allow_noncommercial=True)
    store = ModelStore(settings.model_dir, known_cards(settings.model_dir))
    values = dict(np.load(PLACE)) if PLACE.exists() else {}
    loader = RecogniserLoader(store, values={})
    for card in store.cards:
        if card.task == "recognition" and not card.fused:
            try:
                store.prepare(card)
            except ModelNotInstalled:
                print(f"{card.id} is not installed")
                continue
            values[card.id] = recogniser_answers(loader.network(card, None)[0])
    detectors = ModelRegistry(store, store.cards, default=settings.default_model, self_test_values={})
    for name, detector in detectors.open_task("detection", ComputeSlots(1, queue=0, wait_seconds=0)).items():
        values[name] = detector_answers(detector)
    try:
        liveness = detectors.liveness()
        values[liveness.id] = liveness_answers(liveness.detector)
    except ModelNotInstalled as exc:
        print(exc)
    PLACE.parent.mkdir(exist_ok=True)
    np.savez_compressed(PLACE, **{name: values[name] for name in sorted(values)})
    print(f"{PLACE}: {', '.join(sorted(values))}")


if __name__ == "__main__":
    main()
