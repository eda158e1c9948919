"""Who may look at the service: programs of this machine without a key, others with one.

A request is of this machine only if the connection is, and nothing shows that a proxy passed it on: a proxy beside the
server would otherwise open the page to all whom it serves. What a caller writes into `X-Forwarded-For` never makes it
local. A proxy that adds no header and sends a `Host` of its own cannot be told from a local program; for that there is
VULTUS_METRICS_WITHOUT_KEY=never.
"""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Scope as RequestScope

from vultus.api.auth import BearerKey, Caller, Gate, HeaderKey
from vultus.api.middleware.cross_site import host_name, is_loopback
from vultus.api.middleware.overload import KNOWN_CALLER
from vultus.api.request_context import request_context
from vultus.api.state import app_state
from vultus.errors import CollectionNotAllowed

PASSED_ON = (
    *("forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    *("x-forwarded-port", "x-forwarded-server", "x-client-ip", "true-client-ip", "cf-connecting-ip"),
)
_metrics_gate = Gate("metrics", counted=False)  # a rate would hide an outage
_any_key = Gate(None)


def is_local(scope: RequestScope) -> bool:
    """Whether a program of this machine asks: the connection and the Host are of loopback, no proxy, no web page."""
    headers, client = Headers(scope=scope), scope.get("client")
    if client is None or not is_loopback(client[0]) or any(name in headers for name in (*PASSED_ON, "origin")):
        return False
    hosts = headers.getlist("host")
    return len(hosts) == 1 and is_loopback(host_name(hosts[0]))  # else a web page that rebinds its name could read it


async def may_read_metrics(request: Request, bearer: BearerKey, header: HeaderKey) -> None:
    """A dependency. Raises MissingApiKey, InvalidApiKey, ScopeNotAllowed, CollectionNotAllowed.

    A key that is sent is checked, also of a local caller.
    """
    may_without = app_state(request).settings.metrics_without_key == "loopback"
    if may_without and not (bearer or header) and is_local(request.scope):
        request.scope.setdefault("state", {})[KNOWN_CALLER] = True
        await request_context(request.scope).dialect.refuse_unread(request)
        return
    caller = await _metrics_gate(request, bearer, header)
    if caller.key is not None and caller.key.collections is not None:
        raise CollectionNotAllowed(
            "/metrics shows all collections and this key is limited to some; use a key without that limit, or /status"
        )


async def caller_if_any(request: Request, bearer: BearerKey, header: HeaderKey) -> Caller | None:
    """A dependency: the caller whose key is valid; None without a key. Raises InvalidApiKey."""
    if bearer or header or app_state(request).settings.without_keys:
        return await _any_key(request, bearer, header)
    await request_context(request.scope).dialect.refuse_unread(request)
    return None
