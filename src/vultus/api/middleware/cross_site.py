"""Refuses what web pages of other sites send to a server without keys. Pure ASGI.

Every page that a browser on this machine shows can send requests to a loopback address: with a form, without asking,
and with any answer readable once its own name resolves to this machine (DNS rebinding). Two checks stop that:

- `Host` is a loopback name, an address of loopback, or a name that the operator allows. A page that rebinds its name
  still sends that name.
- Browsers say where a request comes from, in `Origin` (Fetch standard, "append a request Origin header") and in
  `Sec-Fetch-Site` (Fetch Metadata, W3C). What comes from another origin is refused, except a link that is followed.

Programs send neither of the two, so that they are let through.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.errors import CrossSiteRequest, HostNotAllowed

LOOPBACK = ("localhost", ".localhost")  # the second: names under it (RFC 6761, 6.3)
SAME_SITE = ("same-origin", "none")  # none: typed by the user, or a bookmark
SHOWN_CHARACTERS = 100  # of what was sent, in a sentence


class CrossSiteMiddleware:
    """Raises HostNotAllowed or CrossSiteRequest. hosts: names allowed beside those of loopback, in lower case."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            self._check_host(headers.getlist("host"))
            _check_origin(headers)
            if headers.get("sec-fetch-site", "none") not in SAME_SITE and not _follows_a_link(scope, headers):
                raise _cross_site(headers.get("sec-fetch-site", ""))
        await self.app(scope, receive, send)

    def _check_host(self, sent: list[str]) -> None:
        name = host_name(sent[0]) if len(sent) == 1 else ""
        if name not in self._hosts and not is_loopback(name):
            raise HostNotAllowed(
                f"a server without keys is not called by the Host {_shown(', '.join(sent))}; use 127.0.0.1 or "
                "localhost, or have its operator set VULTUS_ALLOWED_HOSTS to this name"
            )


def _check_origin(headers: Headers) -> None:
    """Raises CrossSiteRequest unless the origin, if there is one, is this server as the caller named it."""
    for origin in headers.getlist("origin"):
        if origin.lower().partition("://")[2] != headers["host"].lower():
            raise _cross_site(origin)


def _follows_a_link(scope: Scope, headers: Headers) -> bool:
    """Whether the answer becomes the page that the user sees, which the page with the link cannot read."""
    shown = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return shown and scope["method"] == "GET"


def _cross_site(sent: str) -> CrossSiteRequest:
    return CrossSiteRequest(
        f"a server without keys takes no requests of other web sites ({_shown(sent)}); call it from a program or from "
        "its own page /docs, or serve with keys"
    )


def host_name(host: str) -> str:
    """The name or address of a Host header, without its port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def is_loopback(name: str) -> bool:
    """Whether a name, or an address, is of the machine itself."""
    if name == LOOPBACK[0] or name.endswith(LOOPBACK[1]):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None  # ::ffff:127.0.0.1
    return (mapped or address).is_loopback


def _shown(sent: str) -> str:
    return ascii(sent[:SHOWN_CHARACTERS])
