"""/health, /readiness, /capabilities for everyone; /keys for admins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from vultus.api.auth import MayAdminister
from vultus.api.body import read_fields
from vultus.api.middleware.path_segments import IdPath
from vultus.api.openapi import PUBLIC_ERRORS, RESOURCE_ERRORS, only_json
from vultus.api.resources import key_answer, rotated_key_answer
from vultus.api.state import Door
from vultus.schemas.requests import KeyFields, RotationFields
from vultus.schemas.resources import Health, KeyAnswer, KeyList, NewKeyAnswer, RotatedKeyAnswer

public = APIRouter(tags=["system"], responses=PUBLIC_ERRORS)
keys = APIRouter(tags=["keys"], responses=RESOURCE_ERRORS)


@public.head("/health", include_in_schema=False)
@public.get("/health")
async def health() -> Health:
    """The process answers."""
    return Health(status="ok")


@public.head("/readiness", include_in_schema=False)
@public.get("/readiness")
async def readiness(door: Door) -> Health:
    """Requests will be served: the models are loaded and warm. 503 not_ready until then."""
    door.system()
    return Health(status="ready")


@public.get("/capabilities")
async def capabilities(door: Door) -> dict[str, Any]:
    """The models and detectors that are served, and the defaults."""
    return dict(await door.run(door.system().capabilities))


@keys.get("/keys")
async def list_keys(caller: MayAdminister, door: Door) -> KeyList:
    """All keys, revoked ones too; never the keys themselves."""
    caller.require_all_collections()
    return KeyList(keys=[key_answer(key) for key in await door.run(door.system().keys.keys)])


@keys.post(
    "/keys", status_code=201, openapi_extra=only_json(KeyFields, {"name": "front door", "scopes": ["verify", "find"]})
)
async def create_key(request: Request, response: Response, caller: MayAdminister, door: Door) -> NewKeyAnswer:
    """Make a key, not of scope admin. The answer is the only place where it is ever shown."""
    caller.require_all_collections()
    fields = await read_fields(request, KeyFields)
    key, secret = await door.run(
        door.system().keys.by(caller.act).create,
        fields.name,
        tuple(dict.fromkeys(fields.scopes)),
        collections=fields.collections,
        expires_at=fields.expires_at,
        requests_per_minute=fields.requests_per_minute,
    )
    response.headers["Cache-Control"] = "no-store"
    return NewKeyAnswer(**key_answer(key).model_dump(), key=secret)


@keys.delete("/keys/{key_id}")
async def revoke_key(key_id: IdPath, caller: MayAdminister, door: Door) -> KeyAnswer:
    """Revoke a key: from now on it is refused."""
    caller.require_all_collections()
    return key_answer(await door.run(door.system().keys.by(caller.act).revoke, key_id))


@keys.post("/keys/{key_id}/rotate", openapi_extra=only_json(RotationFields, {"overlap_minutes": 60}, required=False))
async def rotate_key(
    request: Request, response: Response, key_id: IdPath, caller: MayAdminister, door: Door
) -> RotatedKeyAnswer:
    """Give a key, not of scope admin, a new secret for the same grants. The old one works until the overlap ends."""
    caller.require_all_collections()
    fields = await read_fields(request, RotationFields)
    rotate = door.system().keys.by(caller.act).rotate
    rotation = await door.run(rotate, key_id, overlap=timedelta(minutes=fields.overlap_minutes), admin_too=False)
    response.headers["Cache-Control"] = "no-store"
    return rotated_key_answer(rotation)
