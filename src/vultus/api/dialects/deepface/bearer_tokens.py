"""DeepFace's token: `Authorization: Bearer TOKEN`, one that was imported, or a key of ours."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from vultus.api.auth import authenticate_secret, bearer_scheme
from vultus.errors import InvalidApiKey, MissingApiKey
from vultus.records.stored import ApiKey
from vultus.storage.keys import KeyStore

KINDS = ("native", "deepface")


async def authenticate(request: Request, keys: KeyStore, now: datetime) -> ApiKey:
    """The key of a request. Raises MissingApiKey, InvalidApiKey."""
    bearer = await bearer_scheme(request)
    if bearer is None or not bearer.credentials:
        raise MissingApiKey('no token was sent; send "Authorization: Bearer TOKEN"')
    key = await run_in_threadpool(authenticate_secret, keys, bearer.credentials, now)
    if key.kind not in KINDS:
        raise InvalidApiKey(f"the token is a key of kind {key.kind}; import one of kind deepface")
    return key
