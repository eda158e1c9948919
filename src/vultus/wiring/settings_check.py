"""Whether the settings agree with each other, and with the models that there are."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from vultus.config import Settings
from vultus.errors import ModelInvalid, SettingsInvalid
from vultus.models.card import ModelCard, cards_of, find_card
from vultus.models.catalogue import known_cards
from vultus.storage.database import is_sqlite
from vultus.storage.photo_stores.location import photo_location
from vultus.vision.decoders import decoded_cards


def check_settings(settings: Settings) -> None:
    """Raises SettingsInvalid when the settings contradict each other."""
    if settings.without_keys and not _is_loopback(settings.host):
        raise SettingsInvalid(
            f"serving without keys is possible only on a loopback address, not on {settings.host}; "
            "set VULTUS_HOST=127.0.0.1 or leave VULTUS_WITHOUT_KEYS out"
        )
    if settings.without_keys and settings.cors_origins:
        raise SettingsInvalid(
            "VULTUS_CORS_ORIGINS needs API keys: without them every page of these origins could do everything; leave "
            "it or VULTUS_WITHOUT_KEYS out"
        )
    if settings.admin_key is not None and settings.admin_key_file is not None:
        raise SettingsInvalid("VULTUS_ADMIN_KEY and VULTUS_ADMIN_KEY_FILE are both set; leave one of them out")
    if settings.webhook_addresses and settings.webhook_secret is None:
        raise SettingsInvalid(
            "VULTUS_WEBHOOK_ADDRESSES needs VULTUS_WEBHOOK_SECRET, so that receivers can tell who sent what; make one "
            "by: echo whsec_$(openssl rand -base64 32)"
        )
    place = photo_location(settings.photo_url, settings.data_dir)
    if isinstance(place, Path) and not is_sqlite(settings.sqlalchemy_url) and not settings.photos_shared:
        raise SettingsInvalid(
            f"the photos are in {place}, which other servers of this PostgreSQL database may not have; if that folder "
            "is the same for all of them, or this is the only one, set VULTUS_PHOTOS_SHARED=true, or keep them in S3"
        )
    if settings.search == "database" and is_sqlite(settings.sqlalchemy_url):
        raise SettingsInvalid(
            "VULTUS_SEARCH=database needs PostgreSQL with the extension pgvector, and the database is SQLite; set "
            "VULTUS_SEARCH=memory, or move the gallery by: vultus move --to postgresql+psycopg://..."
        )
    ledger, data_dir = settings.erasure_ledger, settings.data_dir.resolve()
    if ledger is not None and data_dir in ledger.resolve().parents:
        raise SettingsInvalid(
            "VULTUS_ERASURE_LEDGER is in the data folder, which a restore replaces; name a file somewhere else"
        )
    cards = known_cards(settings.model_dir)
    known = find_card(cards, settings.default_model)
    if known is None or known.task != "recognition":
        names = ", ".join(card.id for card in cards_of(cards, "recognition"))
        raise SettingsInvalid(f"VULTUS_DEFAULT_MODEL is {settings.default_model!r}; use one of {names}")
    _check_detectors(settings, cards)


def _check_detectors(settings: Settings, cards: tuple[ModelCard, ...]) -> None:
    served = {card.id: card for card in decoded_cards(cards_of(cards, "detection"), "detection")}
    default = served.get(settings.default_detector)
    if default is None:
        raise SettingsInvalid(
            f"VULTUS_DEFAULT_DETECTOR is {settings.default_detector!r}; use one of {', '.join(served)}"
        )
    if default.fallback is not None and default.fallback not in served:
        raise ModelInvalid(
            f"the card of {default.id} falls back to {default.fallback!r}; write one of {', '.join(served)}"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
