"""The native dialect: keys as bearer token or x-api-key, errors in the one JSON shape, request ids that are UUIDs."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from vultus.api.auth import authenticate_secret, bearer_scheme, header_scheme
from vultus.api.dialect import Dialect
from vultus.api.errors import error_response
from vultus.api.unread_input import refuse_unread
from vultus.errors import InvalidRequest, MissingApiKey
from vultus.records.stored import ApiKey
from vultus.storage.client_keys.client_kinds import UUID
from vultus.storage.keys import KeyStore


async def _authenticate(request: Request, keys: KeyStore, now: datetime) -> ApiKey:
    bearer, header = await bearer_scheme(request), await header_scheme(request)
    secret = bearer.credentials if bearer else header
    if not secret:
        raise MissingApiKey('no API key was sent; send "Authorization: Bearer KEY" or "x-api-key: KEY"')
    return await run_in_threadpool(authenticate_secret, keys, secret, now)


def _read_request_id(headers: Headers) -> str | None:
    sent = headers.getlist("x-request-id")
    if not sent:
        return None
    if len(sent) > 1 or not UUID.fullmatch(sent[0]):
        raise InvalidRequest(
            "x-request-id must be one UUID, like 123e4567-e89b-12d3-a456-426614174000; or leave it out"
        )
    return sent[0]


NATIVE = Dialect(_authenticate, error_response, _read_request_id, "x-request-id", refuse_unread)
