"""What the HTTP room needs from outside: an open system, its key store, and one record per request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, Self

from vultus.config import Settings
from vultus.records import ApiKey, Scope
from vultus.service import FaceService
from vultus.storage.audit import Act
from vultus.storage.audit_writer import AuditTrail
from vultus.storage.keys import Rotation


class KeyStore(Protocol):
    """The API keys, as the HTTP room uses them."""

    def by(self, act: Act) -> Self:
        """The same keys, in the hands of somebody: changes are audited."""

    def authenticate(self, secret: str, now: datetime) -> ApiKey:
        """The key with this secret. Raises InvalidApiKey when unknown, expired or revoked."""

    def create(
        self,
        name: str,
        scopes: Sequence[Scope],
        *,
        collections: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        requests_per_minute: int | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which is shown this once."""

    def keys(self) -> tuple[ApiKey, ...]:
        """All keys, revoked ones too."""

    def revoke(self, key_id: str) -> ApiKey:
        """The key, now revoked. Raises NotFound when unknown."""

    def rotate(self, key_id: str, *, overlap: timedelta, admin_too: bool = True) -> Rotation:
        """A new secret for the key. Raises NotFound, InvalidRequest."""

    def touch(self, key_id: str, now: datetime) -> None:
        """Remember that the key was used."""


class System(Protocol):
    """An open Vultus, as `vultus.wiring` yields it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def service(self) -> FaceService: ...

    @property
    def keys(self) -> KeyStore: ...

    @property
    def trail(self) -> AuditTrail:
        """Where the audit lines about what changes nothing go."""

    @property
    def ready(self) -> bool:
        """Models are loaded and warm; False again while stopping."""

    def capabilities(self) -> Mapping[str, Any]:
        """Models, detectors and defaults, as plain JSON values."""


OpenSystem = Callable[[], AbstractContextManager[System]]


@dataclass
class Exchange:
    """One request and its answer: the id of both, and headers that the answer gets whatever it is.

    act, trail: who does what, and where its audit line goes; None before it is known who asks. error: the code of the
    failure that is answered, if it is one.
    """

    request_id: str
    headers: dict[str, str] = field(default_factory=dict)
    act: Act | None = None
    trail: AuditTrail | None = None
    error: str | None = None


_EXCHANGE = "vultus.exchange"


def begin_exchange(scope: MutableMapping[str, Any], request_id: str) -> Exchange:
    """Attach an Exchange to an ASGI scope."""
    exchange = Exchange(request_id)
    scope[_EXCHANGE] = exchange
    return exchange


def exchange_of(scope: MutableMapping[str, Any]) -> Exchange:
    """The Exchange that `begin_exchange` attached."""
    exchange: Exchange = scope[_EXCHANGE]
    return exchange
