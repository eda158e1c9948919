"""Prepares the models of a container image: python prepare_models.py FOLDER int8|auto

int8: the default recognition model in 8-bit arithmetic, for every processor, without its float networks.
auto: these too, for processors without fast 8-bit arithmetic, for VULTUS_PRECISION=fp32 and where int8 computes wrong.
"""

import shutil
import sys
from pathlib import Path

from vultus.cli.settings import load_settings
from vultus.models.card import known_card
from vultus.models.catalogue import known_cards
from vultus.models.importers import QUANTIZERS
from vultus.models.repository.store import ModelStore
from vultus.wiring.networks import prepare


def main(folder: Path, precision: str) -> None:
    """Prepare into the folder, for every kind of processor; then leave out what the arithmetic does not need."""
    if precision not in ("int8", "auto"):
        sys.exit(f"PRECISION is {precision!r}; build with PRECISION=int8 or PRECISION=auto")
    settings = load_settings(model_dir=folder)
    cards = known_cards(folder)
    stores = [ModelStore(folder, cards, quantizer=quantizer) for quantizer in QUANTIZERS.values()]
    for store in stores:
        prepare(store, cards, settings)
    copy_sources(stores[0])
    if precision == "int8":
        remove_float_files(stores[0], settings.default_model)


def copy_sources(store: ModelStore) -> None:
    """Copy the files that are loaded as they were published, which lie in packages that the image leaves out."""
    for card in store.cards:
        for file in card.files:
            if file.importer == "none" and store.sources.here(card, file):
                source, place = store.sources.verified(card, file), store.sources.place(file.sources[0])
                if source != place:
                    shutil.copyfile(source, place)


def remove_float_files(store: ModelStore, default_model: str) -> None:
    """Remove the float networks of which the int8 forms are there."""
    for card in store.members(known_card(store.cards, default_model)):
        if card.int8 is not None:
            made = store.prepared_files(card)[0]
            made.path.unlink()
            made.sidecar.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
