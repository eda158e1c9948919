"""AWS Signature Version 4 of requests, in the Authorization header: read, and computed again to compare.

Source: AWS IAM user guide, "Create a signed AWS API request" (reference_sigv-create-signed-request.html).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers

from vultus.api.dialects.rekognition.failures import IncompleteSignature, InvalidSignature

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE, TERMINATOR = "rekognition", "aws4_request"
MUST_BE_SIGNED = ("host", "x-amz-date", "x-amz-target")
PRESIGNED = ("X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential")
UNRESERVED = "-_.~"
_PART = re.compile(r"\s*(Credential|SignedHeaders|Signature)=([^,\s]+)\s*")
_CREDENTIAL = re.compile(r"(.+)/(\d{8})/([^/]+)/([^/]+)/([^/]+)")
_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Signature:
    """What an Authorization header says. signed: the names of the headers that the signature covers, lower case."""

    access_key_id: str
    day: str
    region: str
    signed: tuple[str, ...]
    value: str
    at: datetime


@dataclass(frozen=True)
class SignedRequest:
    """What a signature covers. path: as the client sent it. query: the raw query string."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


def read_signature(headers: Headers, query: str) -> Signature:
    """The signature of a request. Raises IncompleteSignature, InvalidSignature (one that would not cover it)."""
    if any(f"{name}=" in query for name in PRESIGNED):
        raise InvalidSignature("presigned requests are not taken; send the signature in the Authorization header")
    algorithm, _, rest = headers.get("authorization", "").partition(" ")
    found = [match for part in rest.split(",") if (match := _PART.fullmatch(part))]
    parts: dict[str, str] = {match[1]: match[2] for match in found}
    if algorithm != ALGORITHM or len(parts) != 3:
        raise IncompleteSignature(
            f"the Authorization header must read: {ALGORITHM} Credential=..., SignedHeaders=..., Signature=..."
        )
    scope = _CREDENTIAL.fullmatch(parts["Credential"])
    if scope is None or scope[4] != SERVICE or scope[5] != TERMINATOR:
        raise InvalidSignature(f"Credential must end in /date/region/{SERVICE}/{TERMINATOR}; sign for this service")
    signed = tuple(parts["SignedHeaders"].split(";"))
    missing = [name for name in MUST_BE_SIGNED if name not in signed]
    if missing:
        raise InvalidSignature(f"the signature must cover the headers {', '.join(missing)}")
    if headers.get("x-amz-content-sha256", "").startswith(("UNSIGNED-", "STREAMING-")):
        raise InvalidSignature("the signature must cover the body: unsigned and streamed payloads are not taken")
    at = _moment(headers.get("x-amz-date", ""))
    if at.strftime("%Y%m%d") != scope[2]:
        raise InvalidSignature("the date in Credential is not that of x-amz-date")
    return Signature(scope[1], scope[2], scope[3], signed, parts["Signature"], at)


def region_of(authorization: str) -> str:
    """The region that a client signed for; one that AWS clients default to where it signed nothing."""
    match = re.search(r"Credential=[^,\s]+/\d{8}/([a-z0-9-]+)/", authorization)
    return match[1] if match else "us-east-1"


def require_signed(signature: Signature, request: SignedRequest, secret: str) -> None:
    """Raises InvalidSignature, when the signature is not that of the request by this secret. In constant time."""
    payload = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256", payload) != payload:
        raise InvalidSignature("x-amz-content-sha256 is not the digest of the body that arrived")
    canonical = _canonical(request, signature.signed, payload)
    scope = f"{signature.day}/{signature.region}/{SERVICE}/{TERMINATOR}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((ALGORITHM, signature.at.strftime(_MOMENT), scope, digest))
    key = f"AWS4{secret}".encode()
    for part in (signature.day, signature.region, SERVICE, TERMINATOR):
        key = _hmac(key, part)
    if not hmac.compare_digest(_hmac(key, text).hex().encode(), signature.value.encode()):
        raise InvalidSignature(
            "the signature is not that of this request by the secret of this access key; check the secret, and that no "
            "proxy changes the Host header, the path or the body"
        )


def _canonical(request: SignedRequest, signed: Sequence[str], payload: str) -> str:
    pairs = parse_qsl(request.query, keep_blank_values=True)
    query = "&".join(sorted(f"{quote(name, UNRESERVED)}={quote(value, UNRESERVED)}" for name, value in pairs))
    lines = [f"{name}:{_value(request.headers, name)}" for name in signed]
    path = quote(request.path, "/" + UNRESERVED)
    return "\n".join((request.method, path, query, *lines, "", ";".join(signed), payload))


def _value(headers: Headers, name: str) -> str:
    """The values of a header, without white space around them and with single spaces within."""
    return ",".join(" ".join(value.split()) for value in headers.getlist(name))


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        raise IncompleteSignature("x-amz-date must read like 20261126T150000Z") from None


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
