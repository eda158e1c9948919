"""Who sent a request: an access key, whose secret signed it not long ago. A key of ours is both id and secret."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from vultus.api.auth import note_use
from vultus.api.dialects.rekognition.failures import InvalidSignature, RequestExpired
from vultus.api.dialects.rekognition.signatures import Signature, SignedRequest, read_signature, require_signed
from vultus.errors import MissingApiKey
from vultus.records.stored import ApiKey
from vultus.storage.keys import KeyStore

CLOCK_SKEW = timedelta(minutes=5)
REPLAY = timedelta(minutes=15)


async def authenticate(request: Request, keys: KeyStore, now: datetime) -> ApiKey:
    """The key of a signed request, whose body is read for it. Raises MissingApiKey, InvalidApiKey."""
    query = request.scope.get("query_string", b"").decode("latin-1")
    if "authorization" not in request.headers and "X-Amz-" not in query:
        raise MissingApiKey("the request is not signed; give the client an access key id and its secret")
    signature = read_signature(request.headers, query)
    _require_recent(signature, now)
    key, secret = await run_in_threadpool(keys.secret_of, signature.access_key_id, now)
    path = request.scope.get("root_path", "") + request.scope["path"]
    signed = SignedRequest(request.method, path, query, request.headers, await request.body())
    await run_in_threadpool(require_signed, signature, signed, secret)
    await run_in_threadpool(note_use, keys, key, now)
    return key


def _require_recent(signature: Signature, now: datetime) -> None:
    age, shown = now - signature.at, f"{signature.at:%Y%m%dT%H%M%SZ} against {now:%Y%m%dT%H%M%SZ} here"
    if age > REPLAY:
        raise RequestExpired(f"the request was signed more than 15 minutes ago: {shown}; send it again, newly signed")
    if age > CLOCK_SKEW:
        raise InvalidSignature(f"Signature expired: {shown}, more than 5 minutes; set the clock of the client")
    if -age > CLOCK_SKEW:
        raise InvalidSignature(f"Signature not yet current: {shown}, more than 5 minutes; set the clock of the client")
