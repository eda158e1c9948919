"""What the HTTP room needs from outside: an open system, its key store, and one record per request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from vultus.config import Settings
from vultus.service import FaceService
from vultus.storage.audit import Act
from vultus.storage.audit_writer import AuditSink
from vultus.storage.keys import KeyStore


class System(Protocol):
    """An open Vultus, as `vultus.wiring` yields it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def service(self) -> FaceService: ...

    @property
    def keys(self) -> KeyStore: ...

    @property
    def audit_sink(self) -> AuditSink:
        """Where the audit lines about what changes nothing go."""

    @property
    def ready(self) -> bool:
        """Models are loaded and warm; False again while stopping."""

    def capabilities(self) -> Mapping[str, Any]:
        """Models, detectors and defaults, as plain JSON values."""


OpenSystem = Callable[[], AbstractContextManager[System]]


@dataclass
class RequestContext:
    """One request and its answer: the id of both, and headers that the answer gets whatever it is.

    act, audit_sink: who does what, and where its audit line goes; None before the caller is known. error: the code of
    the failure that is answered, if it is one.
    """

    request_id: str
    headers: dict[str, str] = field(default_factory=dict)
    act: Act | None = None
    audit_sink: AuditSink | None = None
    error: str | None = None


_CONTEXT = "vultus.context"


def begin_request_context(scope: MutableMapping[str, Any], request_id: str) -> RequestContext:
    """Attach an RequestContext to an ASGI scope."""
    context = RequestContext(request_id)
    scope[_CONTEXT] = context
    return context


def request_context(scope: MutableMapping[str, Any]) -> RequestContext:
    """The RequestContext that `begin_request_context` attached."""
    context: RequestContext = scope[_CONTEXT]
    return context
