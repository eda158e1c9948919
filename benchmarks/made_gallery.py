"""A data folder with a gallery of synthetic faces for each of some models, prepared and ready to be served.

    python -m benchmarks.made_gallery FOLDER FACES     the default model; FOLDER must not exist

Imports nothing that earlier versions lack, so that `versions.py` can make their folders with their own code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.synthetic_gallery import COLLECTION, fill
from vultus.config import Settings
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.wiring.networks import open_models, prepare


@dataclass(frozen=True)
class Ours:
    """Vultus with one model, None the default, and the collection that it searches."""

    model: str | None
    collection: str


DEFAULT, FACENET, SFACE = "vultus", "facenet512-casia-webface", "sface"
OURS = {
    DEFAULT: Ours(None, COLLECTION),
    "vultus-facenet512": Ours(FACENET, f"{COLLECTION}-facenet512"),
    "vultus-sface": Ours(SFACE, f"{COLLECTION}-sface"),
}


def made_gallery(
    data_dir: Path, faces: int, chosen: Iterable[Ours], *, say: Callable[[str], None]
) -> tuple[Settings, dict[str, Any]]:
    """Make the folder and so many faces in each collection. Returns its settings, and the default model as served."""
    data_dir.mkdir()
    inherited = Settings(_env_file=None)  # only the model folder may come from outside
    settings = Settings.model_construct(**{**_defaults(), "model_dir": inherited.model_dir, "data_dir": data_dir})
    cards = known_cards(settings.model_dir)
    store = ModelStore(settings.model_dir, cards)
    say("models")
    prepare(store, cards, settings)
    models = open_models(settings, store)
    for ours in chosen:
        model = models.served(ours.model or models.default)
        say(f"gallery of {faces:,} faces, {model.id}")
        bound = {"model_id": model.id, "pipeline_version": model.pipeline_version, "dimension": model.dimension}
        fill(settings, count=faces, collection=ours.collection, **bound)
    default = models.served(models.default)
    return settings, {"model": default.id, "precision": default.precision}


def _defaults() -> dict[str, Any]:
    """The settings that a server has when nothing is set."""
    return {name: field.get_default(call_default_factory=True) for name, field in Settings.model_fields.items()}


def main() -> None:
    _, served = made_gallery(Path(sys.argv[1]), int(sys.argv[2]), [OURS[DEFAULT]], say=lambda _: None)
    print(f"{served['model']} in {served['precision']}")


if __name__ == "__main__":
    main()
