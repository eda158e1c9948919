"""All model cards: those that come with Vultus, and the operator's own in the model folder."""

from __future__ import annotations

from pathlib import Path

from vultus.errors import ModelInvalid
from vultus.models.card import ModelCard, in_box_cards, read_card, refuse_shared_names
from vultus.models.excluded_models import refusal, refuse_excluded

CALIBRATION_SUFFIX = ".calibration.toml"


def known_cards(folder: Path) -> tuple[ModelCard, ...]:
    """The cards that come with Vultus, then those of the folder.

    Raises: ModelInvalid when one is malformed, or an id, an alias or a file's name occurs twice.
    """
    cards = (*in_box_cards(), *folder_cards(folder))
    refuse_shared_names(cards)
    return cards


def folder_cards(folder: Path) -> tuple[ModelCard, ...]:
    """The cards `*.toml` in the folder, by file name; none where there is no folder.

    `*.calibration.toml` is no card but the operator's calibration of a model.

    Raises: ModelInvalid when one cannot be read, is malformed, uses a reserved name, or names a file not served.
    """
    paths = (path for path in sorted(folder.glob("*.toml")) if not path.name.endswith(CALIBRATION_SUFFIX))
    cards = tuple(read_card(path) for path in paths)
    for card in cards:
        _refuse_reserved_names(card)
        for file in card.files:
            refuse_excluded(file.sha256)
    return cards


def _refuse_reserved_names(card: ModelCard) -> None:
    for name in (card.id, *card.aliases):
        if refusal(name) is not None:
            raise ModelInvalid(
                f"model card {card.id} may not be called {name!r}, a name that stands for weights of another licence; "
                "give it one of its own"
            )
