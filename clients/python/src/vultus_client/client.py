"""`Client` and `AsyncClient`: the same calls, one that blocks and one to await."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx

from vultus_client.parts import Calls
from vultus_client.senders import AsyncSender, Sender, options_of


class Client(Calls[Sender]):
    """A client of one Vultus service. Several threads may use it. Close it, or use it in a `with` statement.

    with Client() as vultus:
        vultus.enroll("anna1.jpg", subject="anna")
        print(bool(vultus.verify("door.jpg", subject="anna")))
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        collection: str = "default",
        timeout: float = 60.0,
        max_retries: int = 2,
        http_client: httpx.Client | None = None,
    ) -> None:
        """url, key: by default VULTUS_URL (else http://127.0.0.1:8000) and VULTUS_KEY of the environment.

        collection: of the calls that name none. timeout: seconds. max_retries: of what is safe to repeat.
        http_client: one of yours, with certificates or proxies of its own; you close it. Raises InvalidRequest.
        """
        options = options_of(url, key, collection=collection, timeout=timeout, max_retries=max_retries)
        super().__init__(Sender(options, http_client or httpx.Client(), owns_http=http_client is None))

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


class AsyncClient(Calls[AsyncSender]):
    """The same as `Client`, to await, with asyncio. Close it by `aclose`, or use it in an `async with` statement."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        collection: str = "default",
        timeout: float = 60.0,
        max_retries: int = 2,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        """As of `Client`."""
        options = options_of(url, key, collection=collection, timeout=timeout, max_retries=max_retries)
        super().__init__(AsyncSender(options, http_client or httpx.AsyncClient(), owns_http=http_client is None))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.aclose()
