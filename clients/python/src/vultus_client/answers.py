"""From what httpx returns or raises to a result or an error of ours."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from vultus_client.errors import UnexpectedAnswer, Unreachable, VultusError, error_class
from vultus_client.request import Call, object_of

T = TypeVar("T")
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
TITLE = re.compile(r"<title[^>]*>([^<]{1,100})", re.IGNORECASE)
SHOWN_CHARACTERS = 100  # of a foreign answer


def result_of(call: Call[T], response: httpx.Response) -> T:
    """The result of a call. Raises the error that the answer is."""
    if response.is_success:
        try:
            return call.read(response)
        except UnexpectedAnswer as error:
            error.status, error.request_id = response.status_code, request_id_of(response)
            raise
    raise error_of(response)


def error_of(response: httpx.Response) -> VultusError:
    """The error of an answer that is no success: of the service, or of what stands before it."""
    status = response.status_code
    known: dict[str, Any] = {"status": status, "retry_after": _retry_after(response.headers.get("retry-after"))}
    known["request_id"] = request_id_of(response)
    try:
        answer = object_of(response)
    except UnexpectedAnswer:
        return UnexpectedAnswer(_foreign(response), **known)
    code, detail = answer.get("error"), answer.get("detail")
    if not isinstance(code, str) or not isinstance(detail, str):
        return UnexpectedAnswer(_foreign(response), **known)
    return error_class(code, status)(detail, code=code, **known)


def _foreign(response: httpx.Response) -> str:
    place, status = response.request.url.copy_with(query=None), response.status_code
    if response.is_redirect:
        target = ascii(response.headers.get("location", "elsewhere"))[1:-1][:SHOWN_CHARACTERS]
        return f"{place} redirects to {target} ({status}); give that server's address to the client"
    title = TITLE.search(response.text)
    said = " ".join((title[1] if title else response.text).split())[:SHOWN_CHARACTERS]
    saying = f", saying {said!a}" if said else ""
    return (
        f"{place} answered {status}{saying}, and not as Vultus does; a proxy or another program answers there: check "
        "the address, and whether the service behind it runs"
    )


def request_id_of(response: httpx.Response) -> str | None:
    """The id by which the log of the service has this request."""
    found: str | None = response.headers.get("x-request-id") or response.request.headers.get("x-request-id")
    return found


def _retry_after(value: str | None) -> float | None:
    """Seconds, from seconds or a date (RFC 9110, section 10.2.3); None when it says neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC if moment.tzinfo else None)).total_seconds())


def unreachable(error: httpx.RequestError, url: str, request_id: str | None) -> Unreachable:
    """An error of the connection as one sentence. url: the address of the service."""
    if isinstance(error, NOT_SENT):
        return Unreachable(_no_connection(error, url), sent=False, request_id=request_id)
    reason = "no answer came in time" if isinstance(error, httpx.TimeoutException) else _reason(error)
    detail = (
        f"the connection to {url} failed before the answer was there ({reason}); whether the request was carried out "
        "is not known"
    )
    return Unreachable(detail, sent=True, request_id=request_id)


def _no_connection(error: httpx.RequestError, url: str) -> str:
    reason = "no connection in time" if isinstance(error, httpx.TimeoutException) else _reason(error)
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return f"no safe connection to {url} ({reason}); check its certificate, or whether it speaks https at all"
    return f"nothing answers at {url} ({reason}); is the service running, and is this its address?"


def _reason(error: Exception) -> str:
    return str(error)[:SHOWN_CHARACTERS] or type(error).__name__
