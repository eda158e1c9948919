"""Sends calls by httpx, waits and tries again: one sender that blocks, one to await. All else is shared."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx

from vultus_client.answers import result_of, unreachable
from vultus_client.errors import InvalidRequest, UnexpectedAnswer, VultusError
from vultus_client.request import Call, Defaults, Page
from vultus_client.retrying import Retries

T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Options:
    """How calls are sent. timeout: seconds for each step of a request, like waiting for the answer."""

    defaults: Defaults
    key: str | None = field(default=None, repr=False)
    timeout: float = 60.0
    max_retries: int = 2

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """The arguments of httpx's build_request. Each try has an id of its own, for the log of the service."""
        headers = {"x-request-id": str(uuid.uuid4()), **call.body.get("headers", {})}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        body = {**call.body, "headers": headers}
        return {"method": call.method, "url": f"{self.defaults.url}{call.path}", "params": call.query or None, **body}

    def changed(self, timeout: float | None, max_retries: int | None, collection: str | None) -> Options:
        """Other options, where they are given. Raises InvalidRequest."""
        return _checked(
            replace(
                self,
                timeout=self.timeout if timeout is None else timeout,
                max_retries=self.max_retries if max_retries is None else max_retries,
                defaults=self.defaults if collection is None else replace(self.defaults, collection=collection),
            )
        )


def options_of(url: str | None, key: str | None, *, collection: str, timeout: float, max_retries: int) -> Options:
    """Options, with address and key from VULTUS_URL and VULTUS_KEY where they are not given. Raises InvalidRequest."""
    address = (url or os.environ.get("VULTUS_URL") or DEFAULT_URL).rstrip("/")
    secret = key if key is not None else os.environ.get("VULTUS_KEY")
    try:
        known = httpx.URL(address)
    except httpx.InvalidURL as exc:
        raise InvalidRequest(f"the address {address!r} is no URL: {exc}") from exc
    if known.scheme not in ("http", "https") or not known.host or known.query or known.fragment:
        raise InvalidRequest(f"the address {address!r} is none of a service; give one like {DEFAULT_URL}")
    if secret and not (secret.isascii() and secret.isprintable() and " " not in secret):
        raise InvalidRequest("the key has characters that no key has, like a space or a line break; give it as printed")
    return _checked(Options(Defaults(address, collection), secret or None, timeout, max_retries))


def _checked(options: Options) -> Options:
    if options.timeout <= 0 or options.max_retries < 0:
        raise InvalidRequest(
            f"timeout is {options.timeout} and max_retries {options.max_retries}; give more than 0 seconds, and 0 or "
            "more retries"
        )
    return options


def _ours(error: httpx.RequestError | httpx.InvalidURL, options: Options, request: httpx.Request | None) -> VultusError:
    if isinstance(error, httpx.RequestError):
        return unreachable(error, options.defaults.url, request.headers.get("x-request-id") if request else None)
    return InvalidRequest(f"the request has no valid address: {error}")


class Sender:
    """Sends calls and blocks until their results are there."""

    def __init__(self, options: Options, http: httpx.Client, *, owns_http: bool) -> None:
        """owns_http: whether `close` closes the connections."""
        self.options, self._http, self._owns_http = options, http, owns_http

    def changed(self, options: Options) -> Sender:
        """Another one with other options, over the same connections."""
        return Sender(options, self._http, owns_http=False)

    def close(self) -> None:
        if self._owns_http:
            self._http.close()

    def send(self, build: Callable[[], Call[T]]) -> T:
        """Raises VultusError."""
        call = build()
        retries = Retries(self.options.max_retries, call.repeatable)
        while True:
            try:
                return self._send_once(call)
            except VultusError as error:
                seconds = retries.wait(error)
                if seconds is None:
                    raise
            time.sleep(seconds)

    def _send_once(self, call: Call[T]) -> T:
        request = None
        try:
            request = self._http.build_request(**self.options.request(call), timeout=self.options.timeout)
            return result_of(call, self._http.send(request, follow_redirects=False))
        except (httpx.RequestError, httpx.InvalidURL) as exc:
            raise _ours(exc, self.options, request) from exc

    def iterate(self, build: Callable[[], Call[Page[T]]]) -> Iterator[T]:
        """The entries of all pages of a list, each page asked for when it is needed."""
        call: Call[Page[T]] | None = build()
        while call is not None:
            asked = call
            page = self.send(lambda: asked)  # noqa: B023 - called at once
            yield from page.items
            call = following(asked, page)


class AsyncSender:
    """Sends calls and awaits their results. Files are read, and images encoded, in a thread."""

    def __init__(self, options: Options, http: httpx.AsyncClient, *, owns_http: bool) -> None:
        """owns_http: whether `close` closes the connections."""
        self.options, self._http, self._owns_http = options, http, owns_http

    def changed(self, options: Options) -> AsyncSender:
        """Another one with other options, over the same connections."""
        return AsyncSender(options, self._http, owns_http=False)

    async def close(self) -> None:
        if self._owns_http:
            await self._http.aclose()

    async def send(self, build: Callable[[], Call[T]]) -> T:
        """Raises VultusError."""
        call = await asyncio.to_thread(build)
        retries = Retries(self.options.max_retries, call.repeatable)
        while True:
            try:
                return await self._send_once(call)
            except VultusError as error:
                seconds = retries.wait(error)
                if seconds is None:
                    raise
            await asyncio.sleep(seconds)

    async def _send_once(self, call: Call[T]) -> T:
        request = None
        try:
            request = self._http.build_request(**self.options.request(call), timeout=self.options.timeout)
            return result_of(call, await self._http.send(request, follow_redirects=False))
        except (httpx.RequestError, httpx.InvalidURL) as exc:
            raise _ours(exc, self.options, request) from exc

    async def iterate(self, build: Callable[[], Call[Page[T]]]) -> AsyncIterator[T]:
        """The entries of all pages of a list, each page asked for when it is needed."""
        call: Call[Page[T]] | None = build()
        while call is not None:
            asked = call
            page = await self.send(lambda: asked)  # noqa: B023 - called at once
            for item in page.items:
                yield item
            call = following(asked, page)


def following(call: Call[Page[T]], page: Page[T]) -> Call[Page[T]] | None:
    """The call of the next page; None at the end. Raises UnexpectedAnswer, when the list would never end."""
    if page.next_cursor is None:
        return None
    if page.next_cursor == call.query.get("cursor"):
        raise UnexpectedAnswer("the server answers the same page of a list again and again")
    return call.after(page.next_cursor)
