"""The system as the HTTP API needs it, and the context of one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from vultus.api.dialect import Dialect
from vultus.api.trace_context import Trace
from vultus.config import Settings
from vultus.errors import VultusError
from vultus.records.samples import Sample, Work
from vultus.service import FaceService
from vultus.storage.audit import Act, Audit, NoAudit
from vultus.storage.audit_writer import AuditSink
from vultus.storage.keys import KeyStore


class System(Protocol):
    """An open Vultus, as `vultus.wiring.open_system` yields it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def service(self) -> FaceService: ...

    @property
    def keys(self) -> KeyStore: ...

    @property
    def audit_sink(self) -> AuditSink:
        """Takes the audit lines of calls that change nothing."""

    @property
    def audit(self) -> Audit | NoAudit:
        """The stored audit lines."""

    @property
    def ready(self) -> bool:
        """Whether the models are loaded and warm; False again while stopping."""

    @property
    def stuck_seconds(self) -> float:
        """For how long all compute slots have been taken without one coming free; 0 when one is free."""

    def require_database(self) -> None:
        """Raises StorageUnavailable, when the database does not answer."""

    def capabilities(self) -> Mapping[str, Any]:
        """Models, detectors and defaults, as plain JSON values."""

    def sample(self) -> Sample:
        """What is stored and how much room there is; may be some seconds old."""

    def work(self) -> Work:
        """How busy this process is, without its requests and connections."""


OpenSystem = Callable[[], AbstractContextManager[System]]


@dataclass
class RequestContext:
    """What the layers know about one request. dialect: of its path. headers: set on the answer, whichever layer writes.

    act, audit_sink: what is audited, and where its line goes; None before the caller is known. changes: whether the
    call may change something. error: the code of the failure, if the answer is one. trace: that the caller is in.
    refusal: what is wrong with the request id; raised by the error boundary. rejected: the codes of what an enrolment
    left out.
    """

    request_id: str
    dialect: Dialect
    headers: dict[str, str] = field(default_factory=dict)
    act: Act | None = None
    changes: bool = False
    audit_sink: AuditSink | None = None
    error: str | None = None
    trace: Trace | None = None
    refusal: VultusError | None = None
    rejected: tuple[str, ...] = ()


_CONTEXT = "vultus.context"


def begin_request_context(scope: MutableMapping[str, Any], request_id: str, dialect: Dialect) -> RequestContext:
    """Attach a RequestContext to an ASGI scope."""
    context = RequestContext(request_id, dialect)
    scope[_CONTEXT] = context
    return context


def known_context(scope: MutableMapping[str, Any]) -> RequestContext | None:
    """The RequestContext of a scope; None where it has not begun."""
    context: RequestContext | None = scope.get(_CONTEXT)
    return context


def request_context(scope: MutableMapping[str, Any]) -> RequestContext:
    """The RequestContext that `begin_request_context` attached."""
    context: RequestContext = scope[_CONTEXT]
    return context
