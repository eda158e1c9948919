"""/keys: create, list, revoke, rotate, for admins; /keys/self for every key."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Request, Response, Security

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.middleware.path_segments import IdPath
from vultus.api.openapi import RESOURCE_ERRORS, only_json
from vultus.api.state import State
from vultus.schemas.resource_requests import KeyFields, RotationFields
from vultus.schemas.resources import (
    KeyAnswer,
    KeyList,
    NewKeyAnswer,
    RotatedKeyAnswer,
    key_answer,
    rotated_key_answer,
)

router = APIRouter(tags=["keys"], responses=RESOURCE_ERRORS)

AnyKey = Annotated[Caller, Security(Gate(None))]
MayListKeys = Annotated[Caller, Security(Gate("admin"))]
MayCreateKey = Annotated[Caller, Security(Gate("admin", action="key.create", changes=True))]
MayRevokeKey = Annotated[Caller, Security(Gate("admin", action="key.revoke", changes=True))]
MayRotateKey = Annotated[Caller, Security(Gate("admin", action="key.rotate", changes=True))]


@router.get("/keys")
async def list_keys(caller: MayListKeys, state: State) -> KeyList:
    """All keys, revoked ones too; never the keys themselves."""
    caller.require_key_of_all_collections()
    return KeyList(keys=[key_answer(key) for key in await state.run(state.system().keys.keys)])


@router.get("/keys/self")
async def show_own_key(caller: AnyKey) -> KeyAnswer:
    """The key that this call was made with: its scopes, collections and limits. Any valid key may ask."""
    return key_answer(caller.require_key())


@router.post(
    "/keys", status_code=201, openapi_extra=only_json(KeyFields, {"name": "front door", "scopes": ["verify", "find"]})
)
async def create_key(request: Request, response: Response, caller: MayCreateKey, state: State) -> NewKeyAnswer:
    """Make a key, not of scope admin. The answer is the only place where it is ever shown."""
    caller.require_key_of_all_collections()
    fields = await read_fields(request, KeyFields)
    key, secret = await state.run(
        state.system().keys.acting_as(caller.act).create,
        fields.name,
        tuple(dict.fromkeys(fields.scopes)),
        collections=fields.collections,
        expires_at=fields.expires_at,
        requests_per_minute=fields.requests_per_minute,
    )
    response.headers["Cache-Control"] = "no-store"
    return NewKeyAnswer(**key_answer(key).model_dump(), key=secret)


@router.delete("/keys/{key_id}")
async def revoke_key(key_id: IdPath, caller: MayRevokeKey, state: State) -> KeyAnswer:
    """Revoke a key: from now on it is refused."""
    caller.require_key_of_all_collections()
    return key_answer(await state.run(state.system().keys.acting_as(caller.act).revoke, key_id))


@router.post("/keys/{key_id}/rotate", openapi_extra=only_json(RotationFields, {"overlap_minutes": 60}, required=False))
async def rotate_key(
    request: Request, response: Response, key_id: IdPath, caller: MayRotateKey, state: State
) -> RotatedKeyAnswer:
    """Give a key, not of scope admin, a new secret for the same grants. The old one works until the overlap ends."""
    caller.require_key_of_all_collections()
    fields = await read_fields(request, RotationFields)
    rotate = state.system().keys.acting_as(caller.act).rotate
    rotation = await state.run(rotate, key_id, overlap=timedelta(minutes=fields.overlap_minutes), admin_too=False)
    response.headers["Cache-Control"] = "no-store"
    return rotated_key_answer(rotation)
