"""All the cards there are: those in the box, and the operator's own beside the files in the model folder."""

from __future__ import annotations

from pathlib import Path

from vultus.errors import ModelInvalid
from vultus.models.card import ModelCard, in_box_cards, read_card, refuse_shared_names
from vultus.models.excluded_models import refusal

CALIBRATION_SUFFIX = ".calibration.toml"


def known_cards(folder: Path) -> tuple[ModelCard, ...]:
    """The cards in the box and then those of the folder.

    Raises: ModelInvalid when one is malformed, or an id, an alias or a file's name is taken already.
    """
    cards = (*in_box_cards(), *folder_cards(folder))
    refuse_shared_names(cards)
    return cards


def folder_cards(folder: Path) -> tuple[ModelCard, ...]:
    """The cards `*.toml` in the folder, by file name; none where there is no folder.

    What ends in `.calibration.toml` is no card but the operator's calibration of a model.

    Raises: ModelInvalid when one cannot be read, is malformed, or takes a name that is refused.
    """
    paths = (path for path in sorted(folder.glob("*.toml")) if not path.name.endswith(CALIBRATION_SUFFIX))
    cards = tuple(read_card(path) for path in paths)
    for card in cards:
        _refuse_reserved_names(card)
    return cards


def _refuse_reserved_names(card: ModelCard) -> None:
    for name in (card.id, *card.aliases):
        if refusal(name) is not None:
            raise ModelInvalid(
                f"model card {card.id} may not be called {name!r}, a name that stands for weights of another licence; "
                "give it one of its own"
            )
