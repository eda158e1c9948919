"""What Vultus uses of uvicorn and httptools beyond their documented interface: one test for each name.

`server/http_protocol.py` subclasses HttpToolsProtocol, `server/process.py` subclasses uvicorn.Server. Both are private
or undocumented, so pyproject.toml bounds uvicorn to the minor version that was tested. Before raising the bound, run
this file with the new version: each failure names what has changed, and what Vultus needs it for.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tests.waiting import patient

GET = b"GET /a%20b?c HTTP/1.1\r\nHost: x\r\nX-One: 1\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n"
TURNS = 100  # of the event loop: answering takes a few, and no time


@contextmanager
def contract(name: str, purpose: str) -> Iterator[None]:
    """Fail with a sentence when what is tried inside does not work. purpose: as in "Vultus needs it to PURPOSE"."""
    try:
        yield
    except Exception as exc:
        cause = str(exc).split("\n")[0]
        pytest.fail(
            f"{name} of uvicorn {uvicorn.__version__} is gone or has changed; Vultus needs it to {purpose} "
            f"({type(exc).__name__}: {cause})"
        )


class Transport(asyncio.Transport):
    """Records what is written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closing = b"", False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body, then answers."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def connected(kind: type[HttpToolsProtocol] = HttpToolsProtocol, app: Any = answer) -> Any:
    config = uvicorn.Config(app, http=kind, ws="none", log_config=None, lifespan="off", proxy_headers=False)
    protocol = kind(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(Transport())
    return protocol


async def settled(condition: Callable[[], object]) -> None:
    for _ in range(TURNS):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("nothing happened")


def overriding(name: str, before: Callable[..., None]) -> type[HttpToolsProtocol]:
    """A protocol that overrides one method as Vultus does: `before` is called first, then the method itself."""

    def method(self: Any, *args: Any) -> Any:
        before(self, *args)
        return getattr(super(Overriding, self), name)(*args)

    class Overriding(HttpToolsProtocol):
        pass

    setattr(Overriding, name, method)
    return Overriding


async def calls_of(name: str, data: bytes) -> list[tuple[Any, ...]]:
    """The arguments of each call of a callback while a request is read and answered."""
    calls: list[tuple[Any, ...]] = []
    protocol = connected(overriding(name, lambda _, *args: calls.append(args)))
    protocol.data_received(data)
    await settled(lambda: protocol.transport.written.endswith(b"ok"))
    return calls


# --- callbacks that Vultus overrides --------------------------------------------------------------------------------

CALLBACKS = [
    ("on_message_begin", GET, [()], "begin counting the bytes of each request's head"),
    ("on_url", GET, [(b"/a%20b?c",)], "count the bytes of the request line"),
    ("on_header", GET, [(b"Host", b"x"), (b"X-One", b"1")], "count the bytes and the number of headers"),
    ("on_headers_complete", GET, [()], "count the connection as working, and to refuse it under overload"),
    ("on_body", CHUNKED, [(b"abc",)], "allow chunk frames in proportion to the body"),
    ("on_response_complete", GET, [()], "count the connection as idle again, and to watch whether the answer is read"),
]


@pytest.mark.parametrize(("name", "data", "calls", "purpose"), CALLBACKS, ids=[name for name, *_ in CALLBACKS])
def test_a_callback_is_called_and_can_be_overridden(
    name: str, data: bytes, calls: list[tuple[Any, ...]], purpose: str
) -> None:
    with contract(f"HttpToolsProtocol.{name}", purpose):
        assert asyncio.run(calls_of(name, data))[: len(calls)] == calls


def test_on_header_is_called_for_trailers_after_the_headers_are_complete() -> None:
    with contract("HttpToolsProtocol.on_header for trailers", "drop trailers, which must not authenticate a request"):
        assert asyncio.run(calls_of("on_header", CHUNKED))[-1] == (b"X-Trailer", b"t")


def test_data_received_takes_a_request_in_any_pieces() -> None:
    async def scenario() -> None:
        protocol = connected()
        for i in range(len(GET)):
            protocol.data_received(GET[i : i + 1])
        await settled(lambda: protocol.transport.written.endswith(b"ok"))

    with contract("HttpToolsProtocol.data_received", "count what arrives before it is parsed"):
        asyncio.run(scenario())


@pytest.mark.parametrize("name", ["on_url", "on_header", "on_headers_complete"])
def test_send_400_response_is_called_when_a_callback_raises(name: str) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError

    async def scenario() -> None:
        refused: list[str] = []
        kind = overriding(name, refuse)
        kind.send_400_response  # noqa: B018 - there is a method to override
        kind.send_400_response = lambda self, msg: refused.append(msg)  # type: ignore[method-assign]
        protocol = connected(kind)
        protocol.data_received(GET)
        assert (len(refused), protocol.transport.written) == (1, b"")

    with contract("HttpToolsProtocol.send_400_response", "answer a refused request in its own error shape"):
        asyncio.run(scenario())


def test_connection_made_sets_the_transport_and_counts_the_connection() -> None:
    async def scenario() -> None:
        protocol = connected(overriding("connection_made", lambda *_: None))
        assert protocol.transport is not None
        assert protocol in protocol.server_state.connections

    with contract("HttpToolsProtocol.connection_made", "hand each new connection to its limiter"):
        asyncio.run(scenario())


def test_connection_lost_ends_the_request_under_way() -> None:
    async def scenario() -> None:
        messages: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            messages.append((await receive())["type"])

        protocol = connected(overriding("connection_lost", lambda *_: None), app)
        protocol.data_received(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
        protocol.connection_lost(None)
        await settled(lambda: messages == ["http.disconnect"])
        assert not protocol.server_state.connections

    with contract("HttpToolsProtocol.connection_lost", "take a closed connection out of its limiter"):
        asyncio.run(scenario())


def test_pause_writing_is_seen_in_flow_write_paused() -> None:
    async def scenario() -> None:
        protocol = connected(overriding("pause_writing", lambda *_: None))
        assert protocol.flow.write_paused is False
        protocol.pause_writing()
        assert protocol.flow.write_paused is True
        protocol.resume_writing()
        assert protocol.flow.write_paused is False

    with contract("HttpToolsProtocol.pause_writing and flow.write_paused", "close a caller who does not read"):
        asyncio.run(scenario())


def test_start_asgi_task_is_called_for_each_request_in_turn_and_later_ones_wait_in_the_pipeline() -> None:
    async def scenario() -> None:
        cycles: list[Any] = []
        protocol = connected(overriding("_start_asgi_task", lambda _, cycle, app: cycles.append(cycle)))
        protocol.data_received(GET + GET)
        assert (len(cycles), len(protocol.pipeline)) == (1, 1)
        assert (cycles[0].disconnected, cycles[0].scope["state"]) == (False, {})
        assert cycles[0].message_event.is_set()  # its body is complete
        await settled(lambda: len(cycles) == 2)
        assert cycles[1] is protocol.cycle

    with contract("HttpToolsProtocol._start_asgi_task and pipeline", "end all requests of a connection that is lost"):
        asyncio.run(scenario())


# --- attributes that Vultus reads or sets -------------------------------------------------------------------------


def test_scope_has_a_state_for_the_app_and_a_method_once_headers_are_complete() -> None:
    async def scenario() -> None:
        seen: list[tuple[bool, Any]] = []

        def mark(protocol: Any) -> None:
            seen.append((bool(protocol.scope.get("method")), None))
            protocol.scope["state"]["mark"] = True

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append((bool(scope["method"]), scope["state"]["mark"]))

        connected(overriding("on_headers_complete", mark), app).data_received(GET)
        await settled(lambda: seen == [(False, None), (True, True)])

    with contract("HttpToolsProtocol.scope", "tell the application about overload, and trailers from headers"):
        asyncio.run(scenario())


def test_headers_are_the_list_of_this_request() -> None:
    async def scenario() -> None:
        seen: list[Any] = []
        protocol = connected(overriding("on_headers_complete", lambda p: seen.append(list(p.headers))))
        protocol.data_received(GET + GET)
        assert seen == [[(b"host", b"x"), (b"x-one", b"1")]] * 2

    with contract("HttpToolsProtocol.headers", "limit their number, and to find a body in an offer to upgrade"):
        asyncio.run(scenario())


def test_parser_should_upgrade_is_known_when_the_headers_are_complete() -> None:
    async def scenario() -> None:
        seen: list[bool] = []
        kind = overriding("on_headers_complete", lambda p: seen.append(bool(p.parser.should_upgrade())))
        for data in (GET, UPGRADE):
            connected(kind).data_received(data)
        assert seen == [False, True]

    with contract("HttpToolsProtocol.parser.should_upgrade", "decline an offer of another protocol"):
        asyncio.run(scenario())


def test_cycle_is_none_before_the_first_request() -> None:
    async def scenario() -> None:
        assert connected().cycle is None

    with contract("HttpToolsProtocol.cycle", "tell an idle connection from one that works"):
        asyncio.run(scenario())


def test_cycle_response_complete_follows_the_answer() -> None:
    async def scenario() -> None:
        seen: list[bool] = []
        protocol = connected(overriding("on_response_complete", lambda p: seen.append(p.cycle.response_complete)))
        protocol.data_received(GET)
        assert protocol.cycle.response_complete is False
        await settled(lambda: seen == [True])

    with contract("HttpToolsProtocol.cycle.response_complete", "tell an idle connection from one that works"):
        asyncio.run(scenario())


def test_cycle_keep_alive_false_closes_after_the_answer() -> None:
    async def scenario() -> None:
        protocol = connected()
        protocol.data_received(GET)
        assert protocol.cycle.keep_alive is True
        protocol.cycle.keep_alive = False
        await settled(lambda: protocol.transport.closing)
        assert b"connection: close" in protocol.transport.written

    with contract("HttpToolsProtocol.cycle.keep_alive", "close a connection after an offer to upgrade"):
        asyncio.run(scenario())


def test_transport_is_what_writes_to_the_connection() -> None:
    async def scenario() -> None:
        protocol, transport = connected(), Transport()
        protocol.connection_made(transport)
        assert protocol.transport is transport

    with contract("HttpToolsProtocol.transport", "write refusals, and to close or abort a connection"):
        asyncio.run(scenario())


def test_loop_is_the_running_one() -> None:
    async def scenario() -> None:
        assert connected().loop is asyncio.get_running_loop()

    with contract("HttpToolsProtocol.loop", "limit the time for headers and answers"):
        asyncio.run(scenario())


# --- the server ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(kind: type[uvicorn.Server] = uvicorn.Server) -> AsyncIterator[tuple[Any, asyncio.StreamReader]]:
    """A server and one idle connection to it; stopped at the end as Vultus stops it."""
    config = uvicorn.Config(answer, http=HttpToolsProtocol, ws="none", log_config=None, lifespan="off")
    server, listener = kind(config), socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(GET)
    await asyncio.wait_for(reader.readuntil(b"ok"), patient())
    try:
        yield server, reader
    finally:
        server.should_exit = True
        writer.close()
        await asyncio.wait_for(task, patient())


def test_should_exit_stops_the_server_through_shutdown() -> None:
    stopped: list[Any] = []

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            stopped.append(sockets)
            await super().shutdown(sockets)

    async def scenario() -> None:
        async with serving(Server):
            pass
        assert len(stopped) == 1
        assert len(stopped[0]) == 1

    with contract("Server.should_exit and Server.shutdown", "stop at a signal, and to cancel what is late"):
        asyncio.run(scenario())


def test_server_state_connections_can_be_shut_down() -> None:
    async def scenario() -> None:
        async with serving() as (server, reader):
            (connection,) = server.server_state.connections
            connection.shutdown()
            assert await asyncio.wait_for(reader.read(), patient()) == b""

    with contract("Server.server_state.connections and their shutdown()", "close connections accepted late"):
        asyncio.run(scenario())
