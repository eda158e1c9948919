"""ClientRequestToken: the same request sent again changes nothing more and has the same answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vultus.api.auth import Caller
from vultus.api.dialects.rekognition.failures import TokenReused
from vultus.api.dialects.rekognition.request_shapes import UserShape
from vultus.api.state import AppState
from vultus.storage.client_keys.request_tokens import digest


@asynccontextmanager
async def once(state: AppState, caller: Caller, operation: str, asked: UserShape) -> AsyncIterator[bool]:
    """Around the work of a request: whether it was done before under its token, which is remembered where it succeeds.

    Raises TokenReused, when another request had the token.
    """
    if asked.client_request_token is None:
        yield False
        return
    tokens = state.system().service.context.gallery.request_tokens
    token = f"{operation} {asked.client_request_token}"
    wanted = digest(token, asked.model_dump_json(exclude={"client_request_token"}))
    known = await state.run(tokens.find, caller.act.actor, token, state.now())
    if known is not None and known != wanted:
        raise TokenReused("this ClientRequestToken was sent with another request before; send a new one with each")
    yield known is not None
    if known is None:
        await state.run(tokens.add, caller.act.actor, token, wanted, state.now())
