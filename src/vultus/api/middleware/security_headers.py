"""Sets the headers that restrict what a browser does with an answer. Pure ASGI."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
# The page of /docs: its own files, its own inline scripts by their hash; its widgets set style attributes and hold
# their icons as data: URLs.
PAGE = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
)
CACHEABLE = ("/static-", "/console")  # files of /docs and of the console; any other answer may be about people
OF_THE_CALLER = "private, no-cache"  # see `vultus.api.caching`


class SecurityHeadersMiddleware:
    """Gives every answer its policies of content and resources, nosniff and no referrer; `no-store` to all but static
    files and what a route marks as cacheable by its caller."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _SecuredAnswer(send, keep=scope["path"].startswith(CACHEABLE)).send)


class _SecuredAnswer:
    """One answer. An HTML page is buffered until it is complete, because its policy lists the hashes of its scripts;
    not a page whose route sets a policy of its own."""

    def __init__(self, send: Send, *, keep: bool) -> None:
        self._send, self._keep = send, keep
        self._start: Message | None = None
        self._page = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self._start is None:
            await self._send(message)
        else:
            await self._hold(self._start, message)

    async def _begin(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        keep = self._keep or headers.get("cache-control", "").startswith(OF_THE_CALLER)
        own_policy = headers.get("content-security-policy")
        set_security_headers(headers, keep=keep)
        if own_policy:
            headers["content-security-policy"] = own_policy
        if headers.get("content-type", "").startswith("text/html") and not own_policy:
            self._start = message
        else:
            await self._send(message)

    async def _hold(self, start: Message, message: Message) -> None:
        self._page += message.get("body", b"")
        if not message.get("more_body", False):
            MutableHeaders(scope=start)["content-security-policy"] = page_policy(self._page)
            await self._send(start)
            await self._send({**message, "body": self._page})


def set_security_headers(headers: MutableHeaders, *, keep: bool = False) -> None:
    """Set the headers of an answer that is no HTML page. keep: whether it may be cached."""
    headers["x-content-type-options"] = "nosniff"
    headers["referrer-policy"] = "no-referrer"
    headers["content-security-policy"] = NO_PAGE
    headers["cross-origin-resource-policy"] = "same-origin"  # no page elsewhere shows a photo of here
    if not keep:
        headers["cache-control"] = "no-store"


def page_policy(page: bytes, *, forms: str = "'none'") -> str:
    """The content security policy of an HTML page, which allows its own inline scripts only. forms: where they lead."""
    scripts = "".join(f" '{digest}'" for digest in _digests(INLINE_SCRIPT.findall(page)))
    return PAGE.format(scripts=scripts, forms=forms)


def _digests(scripts: Iterable[bytes]) -> list[str]:
    return ["sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode("ascii") for script in scripts]
