"""Audits calls: actor, action, outcome. Pure ASGI.

The line about a change is written in the transaction of the change, see `vultus.storage.audit`. The lines of all other
audited calls, and of every refusal after the key was known, go from here to the audit writer. Calls without a valid
key, and those over a key's rate, are not audited: a stranger could fill the disk with them.
"""

from __future__ import annotations

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.api.errors import describe
from vultus.api.request_context import RequestContext, request_context
from vultus.storage.audit import OK, Act
from vultus.storage.audit_writer import AuditSink

# the function of a route -> the action. A function in neither table, such as listing, is not audited.
LOOKS = {
    "verify": "verify",
    "find": "find",
    "represent": "represent",
    "compare": "compare",
    "detect": "detect",
    "get_photo": "face.photo",
}
CHANGES = {
    "enroll": "enroll",
    "put_collection": "collection.create",
    "delete_collection": "collection.erase",
    "patch_subject": "subject.update",
    "delete_subject": "subject.erase",
    "delete_face": "face.erase",
    "create_key": "key.create",
    "revoke_key": "key.revoke",
    "rotate_key": "key.rotate",
}
UNCHANGED = "unchanged"  # outcome of a call that may change something and found nothing to change


def begin_act(request: Request, actor: str, audit_sink: AuditSink) -> Act:
    """Begin the act of this call; from now on its outcome is audited."""
    context, name = request_context(request.scope), request.scope["endpoint"].__name__
    context.act = Act(actor, context.request_id, LOOKS.get(name) or CHANGES.get(name))
    context.audit_sink = audit_sink
    return context.act


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
        audit_sink.add(act.line(act.action, UNCHANGED if act.action in CHANGES.values() else OK))
