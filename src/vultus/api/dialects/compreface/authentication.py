"""CompreFace's keys: a UUID in x-api-key, each for one of three services, which the path names.

A key of ours is taken too, for all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from vultus.api.auth import authenticate_secret
from vultus.api.dialects.compreface.refusals import NoSuchService, NotAUuid
from vultus.errors import InvalidApiKey, MissingApiKey
from vultus.records.stored import ApiKey, KeyKind
from vultus.storage.client_keys.client_kinds import NATIVE_PREFIX, UUID
from vultus.storage.keys import KeyStore

# first part of the path -> the service, and the kind of its keys
SERVICES: Mapping[str, tuple[str, KeyKind]] = {
    "recognition": ("Recognition", "compreface-recognition"),
    "detection": ("Detection", "compreface-detection"),
    "verification": ("Verification", "compreface-verification"),
}


async def authenticate(request: Request, keys: KeyStore, now: datetime) -> ApiKey:
    """The key of a request. Raises MissingApiKey, InvalidApiKey with CompreFace's number."""
    secret = request.headers.get("x-api-key")
    if secret is None:
        raise MissingApiKey("Missing header: x-api-key")
    if UUID.fullmatch(secret):
        secret = secret.lower()
    elif not secret.startswith(NATIVE_PREFIX):
        raise NotAUuid("x-api-key must be a UUID, like 123e4567-e89b-12d3-a456-426614174000, or a key of this server")
    service, kind = _service_of(request)
    try:
        key = await run_in_threadpool(authenticate_secret, keys, secret, now)
    except InvalidApiKey as exc:
        raise NoSuchService(f"{service} service with API Key not found: {exc}") from exc
    if key.kind not in ("native", kind):
        raise NoSuchService(f"{service} service with API Key not found: the key is of kind {key.kind}, not {kind}")
    return key


def _service_of(request: Request) -> tuple[str, KeyKind]:
    first = request.scope["path"].removeprefix(request.scope.get("root_path", "")).split("/")[3]
    return SERVICES.get(first, SERVICES["recognition"])
