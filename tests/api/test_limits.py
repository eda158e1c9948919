"""Request ids, limits of bodies in bytes and time, opening and closing: over ASGI, without a socket."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.api.standin import StandInService, StandInSystem, photo
from tests.waiting import patient, wait_until
from vultus.api.app import create_app, create_opening_app
from vultus.api.body import parse_fields
from vultus.errors import ModelNotInstalled, RequestTooLarge
from vultus.records.chosen import PhotoFaces
from vultus.schemas.field_types import ImageLimits
from vultus.schemas.requests import RepresentFields

ID = "0F8FAD5B-d9cb-469f-a165-70867728950e"


def client_of(app: FastAPI, secret: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": secret})


def test_a_request_id_is_echoed_or_made(anonymous: TestClient) -> None:
    assert anonymous.get("/health", headers={"x-request-id": ID}).headers["x-request-id"] == ID
    made = anonymous.get("/health").headers["x-request-id"]
    assert made == str(uuid.UUID(made))


@pytest.mark.parametrize("sent", ["", "7", "not-a-uuid", ID.replace("-", ""), f"{{{ID}}}", ID + "0"])
def test_a_request_id_that_is_no_uuid_is_refused(anonymous: TestClient, sent: str) -> None:
    answer = anonymous.get("/health", headers={"x-request-id": sent})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["request_id"] != sent


def test_an_id_is_refused_while_its_request_runs_and_free_afterwards(
    system: StandInSystem, service: StandInService, key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, finish = threading.Event(), threading.Event()

    def slow(*_: Any, **__: Any) -> PhotoFaces[object]:
        running.set()
        assert finish.wait(patient())
        return PhotoFaces((), 0)

    monkeypatch.setattr(service, "detect", slow)

    async def scenario() -> list[int]:
        async with client_of(create_app(system), key("represent")) as client:

            async def call(request_id: str) -> httpx.Response:
                return await client.post("/detect", files={"img": photo()}, headers={"x-request-id": request_id})

            first = asyncio.create_task(call(ID))
            assert await asyncio.to_thread(running.wait, patient())
            second = await call(ID.lower())
            finish.set()
            return [(await first).status_code, second.status_code, (await call(ID)).status_code]

    assert asyncio.run(scenario()) == [200, 409, 200]


def test_a_streamed_body_is_cut_off_at_the_limit_without_a_content_length(
    system: StandInSystem, key: Callable[..., str]
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1000
            yield b"x" * 1000

    async def scenario() -> httpx.Response:
        async with client_of(create_app(system), key("represent")) as client:
            return await client.post("/represent", content=endless())

    answer = asyncio.run(scenario())
    assert (answer.status_code, answer.json()["error"]) == (413, "request_too_large")
    assert answer.headers["connection"] == "close"
    assert sent <= system.settings.max_body_bytes + 2000


def test_the_bodies_of_all_requests_together_are_bounded_and_the_bound_is_given_back(
    system: StandInSystem, key: Callable[..., str]
) -> None:
    system.settings = system.settings.model_copy(update={"max_held_bytes": 15_000})
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x" * 10_000
        begun.set()
        await finish.wait()
        yield b"x"

    async def scenario() -> list[int]:
        async with client_of(create_app(system), key("represent")) as client:
            first = asyncio.create_task(client.post("/represent", content=slowly()))
            await begun.wait()
            second = await client.post("/represent", content=b"x" * 10_000)
            assert (second.json()["error"], second.headers["retry-after"]) == ("queue_full", "1")
            finish.set()
            third = await first, await client.post("/represent", content=b"x" * 10_000)
            return [second.status_code, *(answer.status_code for answer in third)]

    assert asyncio.run(scenario()) == [503, 400, 400]


def test_json_of_very_many_values_is_refused_before_they_are_made() -> None:
    with pytest.raises(RequestTooLarge, match="250000"):
        parse_fields(b'{"img": [' + b"[]," * 600_000 + b"0]}", "application/json", RepresentFields, ImageLimits(1, 1))


Message = MutableMapping[str, Any]


async def raw_call(
    app: FastAPI, headers: list[tuple[bytes, bytes]], receive: Callable[[], Awaitable[Message]]
) -> tuple[int, dict[str, str]]:
    sent: list[Message] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/represent",
        "raw_path": b"/represent",
        "query_string": b"",
        "headers": headers,
    }

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(("length", "status"), [(b"20001", 413), (b"9" * 5000, 413), (b"-1", 400), (b"x", 400)])
def test_an_announced_length_is_judged_before_anything_is_read(
    system: StandInSystem, length: bytes, status: int
) -> None:
    async def unread() -> Message:
        raise AssertionError("the body was read")

    answer = asyncio.run(raw_call(create_app(system), [(b"content-length", length)], unread))
    assert answer[0] == status


def test_a_body_that_does_not_arrive_is_given_up(system: StandInSystem, key: Callable[..., str]) -> None:
    system.settings = system.settings.model_copy(update={"request_seconds": 0.01})
    headers = [(b"x-api-key", key("represent").encode())]
    status, body = asyncio.run(raw_call(create_app(system), headers, never))
    assert (status, body["error"]) == (408, "invalid_request")
    assert "0.01 s" in body["detail"]


def test_a_caller_who_hangs_up_gets_no_answer_and_no_error(system: StandInSystem, key: Callable[..., str]) -> None:
    sent: list[Message] = []

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/represent", "raw_path": b"/represent", "query_string": b""}
    headers = [(b"x-api-key", key("represent").encode())]
    asyncio.run(create_app(system)({**scope, "headers": headers}, gone, send))
    assert sent == []


def test_when_all_threads_are_busy_the_next_request_is_refused_at_once(
    system: StandInSystem, service: StandInService, key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = threading.Event()

    def slow(*_: Any, **__: Any) -> tuple[()]:
        assert finish.wait(patient())
        return ()

    monkeypatch.setattr(service, "detect", slow)

    async def scenario() -> list[int]:
        async with client_of(create_app(system), key("represent")) as client:
            calls = [asyncio.create_task(client.post("/detect", files={"img": photo()})) for _ in range(40)]
            refused, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            statuses = [call.result().status_code for call in refused]
            finish.set()
            await asyncio.gather(*calls)
            return statuses

    assert set(asyncio.run(scenario())) == {503}


# --- opening and closing ------------------------------------------------------------------------------------------


def test_health_answers_while_the_system_opens_and_readiness_only_afterwards(system: StandInSystem) -> None:
    may_open, closed = threading.Event(), threading.Event()

    @contextmanager
    def open_slowly() -> Iterator[StandInSystem]:
        assert may_open.wait(patient())
        yield system
        closed.set()

    with TestClient(create_opening_app(system.settings, open_slowly)) as client:
        assert client.get("/health").json() == {"status": "ok"}
        for path in ("/readiness", "/capabilities", "/collections"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["error"]) == (503, "not_ready")
            assert answer.headers["retry-after"] == "1"
        may_open.set()
        wait_until(lambda: client.get("/readiness").status_code == 200, "the system to open")
        assert client.get("/readiness").json() == {"status": "ready"}
    assert closed.is_set()


def test_a_system_that_is_not_warm_is_not_ready(system: StandInSystem, client: TestClient) -> None:
    system.ready = False
    assert client.get("/readiness").status_code == 503
    assert client.get("/health").status_code == 200


def test_a_system_that_does_not_open_is_reported(system: StandInSystem) -> None:
    failures: list[Exception] = []

    def broken() -> AbstractContextManager[StandInSystem]:
        raise ModelNotInstalled("the weights are not here; run: vultus models pull tiny")

    with TestClient(create_opening_app(system.settings, broken, on_failure=failures.append)) as client:
        wait_until(lambda: failures, "the failure to be reported")
        assert client.get("/readiness").status_code == 503
    assert [str(failure) for failure in failures] == ["the weights are not here; run: vultus models pull tiny"]
