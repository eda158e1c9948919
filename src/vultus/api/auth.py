"""API keys and scopes, as dependencies of the routes.

A key is checked before the body is read. `admin` implies every scope; a list of collections limits also an admin key.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from vultus.api.middleware.overload import KNOWN_CALLER
from vultus.api.rate_limiting.rate_limits import WINDOW_SECONDS, Allowance
from vultus.api.request_context import request_context
from vultus.api.state import AppState, app_state
from vultus.errors import CollectionNotAllowed, NotFound, RateLimited, ScopeNotAllowed, StorageFailed
from vultus.records.stored import ApiKey, Scope
from vultus.storage.audit import ANYONE, Act
from vultus.storage.keys import TOUCH_EVERY, KeyStore

log = logging.getLogger(__name__)

bearer_scheme = HTTPBearer(auto_error=False, scheme_name="bearer", description="`Authorization: Bearer KEY`")
header_scheme = APIKeyHeader(
    name="x-api-key", auto_error=False, scheme_name="x-api-key", description="`x-api-key: KEY`"
)
BearerKey = Annotated[HTTPAuthorizationCredentials | None, Security(bearer_scheme)]
HeaderKey = Annotated[str | None, Security(header_scheme)]


@dataclass(frozen=True)
class Caller:
    """The caller of one request. key: None when the operator serves without keys; then everything is allowed.

    act: what the audit will record about this call.
    """

    key: ApiKey | None
    act: Act

    def may_use(self, collection: str) -> bool:
        """Whether the key is not limited to other collections."""
        return self.key is None or self.key.collections is None or collection in self.key.collections

    def require_scope(self, scope: Scope) -> None:
        """Raises ScopeNotAllowed, for what a call needs beside the scope of its gate."""
        if self.key is not None:
            require_scope(self.key, scope)

    def require_collection(self, collection: str) -> None:
        """Audit this collection. Raises CollectionNotAllowed when the key is limited to other ones."""
        self.act.collection = collection
        if not self.may_use(collection):
            raise CollectionNotAllowed(
                "this key is limited to other collections; ask an admin for a key that has this one"
            )

    def require_key(self) -> ApiKey:
        """The key. Raises NotFound without keys: whoever calls then must not leave with one that works later."""
        if self.key is None:
            raise NotFound(
                "this server asks for no keys, so that every call is allowed and none are made here; make one by "
                "`vultus keys create` on its machine, and serve without --without-keys"
            )
        return self.key

    def require_key_of_all_collections(self) -> None:
        """Raises NotFound without keys, CollectionNotAllowed when the key is limited to some collections."""
        self.require_key()
        self.require_all_collections()

    def require_all_collections(self) -> None:
        """Raises CollectionNotAllowed when the key is limited to some collections."""
        if self.key is not None and self.key.collections is not None:
            raise CollectionNotAllowed("this key is limited to some collections; use an admin key that is not")


class Gate:
    """Dependency of a route: admits callers whose key has the scope (None: any valid key), and begins the audit of the
    call.

    action: what the audit calls it; None: not audited, as for lists. changes: whether it may change something; a call
    that could and did not is audited as "unchanged".
    """

    def __init__(
        self, scope: Scope | None, *, action: str | None = None, changes: bool = False, counted: bool = True
    ) -> None:
        """counted: against the rate of the key."""
        self._scope, self._counted = scope, counted
        self.action, self.changes = action, changes

    async def __call__(self, request: Request, bearer: BearerKey, header: HeaderKey) -> Caller:
        """bearer, header: name the native schemes in the OpenAPI document; the dialect reads the key itself."""
        state = app_state(request)
        keys = state.system().keys
        dialect = request_context(request.scope).dialect
        if state.settings.without_keys:
            act = self._begin_act(request, ANYONE, state, may_override=True)
            await dialect.refuse_unread(request)
            return Caller(None, act)
        key = await dialect.authenticate(request, keys, state.now())
        if self._counted:  # before the act begins: calls over the rate are not audited
            await _count_against_rate(request, state, key)
        act = self._begin_act(request, key.id, state, may_override=_has_scope(key, "override"))
        act.may_read = _has_scope(key, "read")
        act.may_find = act.may_read or _has_scope(key, "find")
        if self._scope is not None:
            require_scope(key, self._scope)
        await dialect.refuse_unread(request)
        return Caller(key, act)

    def _begin_act(self, request: Request, actor: str, state: AppState, *, may_override: bool) -> Act:
        """From now on the outcome of the call is audited."""
        request.scope.setdefault("state", {})[KNOWN_CALLER] = True
        context = request_context(request.scope)
        context.act = Act(actor, context.request_id, self.action, may_override=may_override)
        context.changes, context.audit_sink = self.changes, state.system().audit_sink
        return context.act


def require_scope(key: ApiKey, scope: Scope) -> None:
    """Raises ScopeNotAllowed, when the key does not have the scope."""
    if not _has_scope(key, scope):
        raise ScopeNotAllowed(f'this call needs the scope "{scope}"; the key has {", ".join(key.scopes) or "none"}')


def _has_scope(key: ApiKey, scope: Scope) -> bool:
    return scope in key.scopes or "admin" in key.scopes


def authenticate_secret(keys: KeyStore, secret: str, now: datetime) -> ApiKey:
    """The key of a secret, whose use is stored. Reads the database. Raises InvalidApiKey."""
    key = keys.authenticate(secret, now)
    note_use(keys, key, now)
    return key


def note_use(keys: KeyStore, key: ApiKey, now: datetime) -> None:
    """Store that a key was used, now and then."""
    if key.last_used_at is not None and abs(now - key.last_used_at) < TOUCH_EVERY:  # abs: the clock may be set back
        return
    try:
        keys.touch(key.id, now)
    except StorageFailed as exc:
        log.warning("the last use of key %s was not stored: %s", key.id, exc)


async def _count_against_rate(request: Request, state: AppState, key: ApiKey) -> None:
    limit, keys = key.requests_per_minute, state.system().keys
    if limit is None:
        return
    if keys.count_request is not None:
        used, age = await run_in_threadpool(keys.count_request, key.id, limit, WINDOW_SECONDS)
        allowance = Allowance(limit, limit - used, max(0.0, WINDOW_SECONDS - age))
    else:
        allowance = state.rates.take(key.id, limit)
    request_context(request.scope).headers.update(allowance.headers())
    if allowance.exceeded:
        raise RateLimited(
            f"this key may make {allowance.limit} requests a minute; ask again in {allowance.reset_seconds:.0f} s",
            allowance.reset_seconds,
        )
