"""The model cards and their files, as the commands see them."""

from __future__ import annotations

from vultus.config import Settings
from vultus.errors import ModelNameNotAllowed
from vultus.models.card import ModelCard, find_card
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStatus, ModelStore


def open_store(settings: Settings) -> ModelStore:
    """The store of the cards that come with Vultus, and of the operator's own in the model folder."""
    return ModelStore(settings.model_dir, known_cards(settings.model_dir))


def needed_statuses(settings: Settings) -> tuple[ModelStatus, ...]:
    """Of the models that a start loads; a name that no card has is left to the start, which refuses it."""
    store = open_store(settings)
    return tuple(store.status(card) for card in store.cards if is_needed(card, settings))


def is_needed(card: ModelCard, settings: Settings) -> bool:
    """Whether a start with these settings loads the model."""
    from vultus.wiring import DETECTORS

    return any(find_card((card,), name) for name in (settings.default_model, *DETECTORS))


def card_named(store: ModelStore, name: str) -> ModelCard:
    """The card with this id or alias. Raises ModelNameNotAllowed."""
    card = find_card(store.cards, name)
    if card is None:
        known = ", ".join(card.id for card in store.cards)
        raise ModelNameNotAllowed(f"there is no model {name!r}; known: {known}")
    return card
