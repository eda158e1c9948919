"""Audits calls: actor, action, outcome. Pure ASGI.

The gate of a route gives the action, see `vultus.api.auth`. The line about a change is written in the transaction of
the change, see `vultus.storage.audit`. Lines of all other audited calls, and of every refusal after the key was known,
go from here to the audit writer. Calls without a valid key, and those over a key's rate, are not audited: a stranger
could fill the disk with them.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.api.errors import describe
from vultus.api.request_context import RequestContext, request_context
from vultus.storage.audit import OK, OVERRIDE

UNCHANGED = "unchanged"  # outcome of a call that may change something and found nothing to change


class AuditMiddleware:
    """Sends the line about a finished call to the audit sink, unless it is written already."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = request_context(scope)
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            context.error = describe(exc).code
            raise
        finally:
            _send_line(context)


def _send_line(context: RequestContext) -> None:
    act, audit_sink = context.act, context.audit_sink
    if act is None or audit_sink is None or act.action is None:
        return
    if context.error is not None:
        audit_sink.add(act.line(act.action, context.error))
    elif not act.recorded:
        audit_sink.add(act.line(act.action, UNCHANGED if context.changes else OK))
    if act.overridden and context.error is None:
        audit_sink.add(act.line(OVERRIDE))
