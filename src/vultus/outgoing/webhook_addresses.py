"""Which addresses may be told of the end of a job: those that the operator lists, private ones included."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from vultus.errors import InvalidRequest
from vultus.outgoing.image_fetch import PORTS

OFF = (
    "webhooks are off: the operator lists the addresses that may be told in VULTUS_WEBHOOK_ADDRESSES; leave webhook "
    "out, and ask GET /jobs/{id}"
)


def check_webhook(url: str, allowed: Sequence[str]) -> str:
    """The address, if the operator allows it. Raises InvalidRequest, without the address: it may hold a secret."""
    if not allowed:
        raise InvalidRequest(OFF)
    parsed = _parsed(url)
    if parsed is None or parsed.scheme not in PORTS or not parsed.host:
        raise InvalidRequest("the webhook is no http(s) address; send one like https://hr.example/hooks/jobs")
    if parsed.userinfo or parsed.fragment:
        raise InvalidRequest("the webhook holds a user name, a password or a #fragment; leave these out")
    if not any(_is_below(parsed, known) for one in allowed if (known := _parsed(one)) is not None):
        raise InvalidRequest(
            "the webhook is not one of the addresses that the operator lists in VULTUS_WEBHOOK_ADDRESSES: scheme, host "
            "and port must be equal, and the path begin with theirs"
        )
    return url


def _parsed(url: str) -> httpx.URL | None:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        return None


def _is_below(url: httpx.URL, known: httpx.URL) -> bool:
    """Whether it is on the same server, and its path is the known one or below it."""
    server, path = (url.scheme, url.host, _port(url)), url.raw_path.partition(b"?")[0].decode("ascii").lower()
    dots = {".", "..", "%2e", "%2e%2e", ".%2e", "%2e."}
    if server != (known.scheme, known.host, _port(known)) or dots & set(path.split("/")):
        return False
    beginning = known.raw_path.decode("ascii").rstrip("/") + "/"
    return f"{url.raw_path.partition(b'?')[0].decode('ascii')}/".startswith(beginning)


def _port(url: httpx.URL) -> int:
    return PORTS[url.scheme] if url.port is None else url.port
