"""A caller who leaves before its answer: its work ends, and its slot comes free."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.waiting import patient, wait_until
from vultus.api.middleware.disconnect import DisconnectMiddleware
from vultus.api.state import AppState
from vultus.caller import CallerGone, leave_if_unwanted
from vultus.config import Settings
from vultus.errors import NotReady

SCOPE: dict[str, Any] = {"type": "http"}


class Connection:
    """What the server knows of one connection: the body has arrived; the caller leaves when it is told to."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.left = anyio.Event()
        self._body_is_read = False

    async def receive(self) -> Message:
        if not self._body_is_read:
            self._body_is_read = True
            return {"type": "http.request", "body": b"photo", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


def test_work_in_a_thread_ends_when_the_caller_leaves(settings: Settings) -> None:
    state, working, ended = AppState(settings), threading.Event(), threading.Event()

    def work() -> None:
        working.set()
        try:
            while True:
                leave_if_unwanted()
        except CallerGone:
            ended.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await state.run(work)

    async def call() -> None:
        connection = Connection()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave_when, working, connection)
            with pytest.raises(NotReady, match="the caller left"):
                await DisconnectMiddleware(app)(SCOPE, connection.receive, connection.send)
        assert connection.sent == []

    anyio.run(call)
    assert ended.wait(patient())


async def leave_when(working: threading.Event, connection: Connection) -> None:
    await anyio.to_thread.run_sync(wait_until, working.is_set, "the work to begin")
    connection.left.set()


def test_an_answer_that_has_begun_is_finished() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"done"})

    async def call() -> None:
        connection = Connection()
        connection.left.set()
        await DisconnectMiddleware(app)(SCOPE, connection.receive, connection.send)
        assert [message["type"] for message in connection.sent] == ["http.response.start", "http.response.body"]

    anyio.run(call)


def test_an_error_passes_as_it_is() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("no such thing")

    async def call() -> None:
        connection = Connection()
        with pytest.raises(LookupError, match="no such thing"):
            await DisconnectMiddleware(app)(SCOPE, connection.receive, connection.send)

    anyio.run(call)
