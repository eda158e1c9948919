"""What the audit says about a call: who, which action, and how it ended.

A change is written by the part that makes it, in its own transaction, see `vultus.storage.audit`. All else that is
audited, and every refusal after the key was known, goes from here to the trail. Calls without a valid key, and those
over a key's rate, are not audited: a stranger could fill the disk with them.
"""

from __future__ import annotations

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.api.errors import describe
from vultus.api.request_context import Exchange, exchange_of
from vultus.storage.audit import OK, Act
from vultus.storage.audit_writer import AuditTrail

# the function of a route -> the action. What is in neither, such as listing, is not audited.
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
UNCHANGED = "unchanged"  # outcome of a call that could have changed something and had nothing to change


def begin_act(request: Request, actor: str, trail: AuditTrail) -> Act:
    """The act of this call, which from now on will be audited."""
    exchange, name = exchange_of(request.scope), request.scope["endpoint"].__name__
    exchange.act = Act(actor, exchange.request_id, LOOKS.get(name) or CHANGES.get(name))
    exchange.trail = trail
    return exchange.act


class Audited:
    """ASGI middleware: when a call is over, the line about it goes to the trail, unless it is written already."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = exchange_of(scope)
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            exchange.error = describe(exc).code
            raise
        finally:
            _tell(exchange)


def _tell(exchange: Exchange) -> None:
    act, trail = exchange.act, exchange.trail
    if act is None or trail is None or act.action is None:
        return
    if exchange.error is not None:
        trail.add(act.line(act.action, exchange.error))
    elif not act.recorded:
        trail.add(act.line(act.action, UNCHANGED if act.action in CHANGES.values() else OK))
