"""A second dialect beside the native one: every failure under its prefix has its shape, and native paths stay native.

The dialect of this test authenticates by `x-fake-key`, takes any short `x-fake-id` as request id, and answers failures
as `{"fault": {"kind": code}}`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from tests.api.standin import StandInSystem, photo
from vultus.api.app import create_app
from vultus.api.auth import Caller, Gate, authenticate_secret
from vultus.api.dialect import Dialect
from vultus.api.errors import Problem
from vultus.api.middleware.overload import OVERLOADED
from vultus.api.state import State
from vultus.errors import InvalidApiKey, InvalidRequest, MissingApiKey
from vultus.records.stored import ApiKey
from vultus.storage.keys import KeyStore

ID = "123e4567-e89b-42d3-a456-426614174000"
Message = MutableMapping[str, Any]
router = APIRouter(prefix="/fake/v1")
MayIndex = Annotated[Caller, Security(Gate("enroll", action="fake.index", changes=True))]
MaySearch = Annotated[Caller, Security(Gate("find", action="fake.search"))]


@router.post("/index")
async def index(request: Request, caller: MayIndex, state: State) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@router.post("/search")
async def search(request: Request, caller: MaySearch, state: State) -> dict[str, int]:
    caller.require_collection("staff")
    return {"faces": len(await state.run(state.system().service.detect, await request.body()))}


async def authenticate(request: Request, keys: KeyStore, now: datetime) -> ApiKey:
    secret = request.headers.get("x-fake-key")
    if not secret:
        raise MissingApiKey("send x-fake-key")
    return await run_in_threadpool(authenticate_secret, keys, secret, now)


def write_error(problem: Problem, request_id: str) -> Response:
    return JSONResponse({"fault": {"kind": problem.code}}, problem.status, dict(problem.headers))


def read_request_id(headers: Headers) -> str | None:
    sent = headers.get("x-fake-id")
    if sent is not None and len(sent) > 8:
        raise InvalidRequest("x-fake-id has at most 8 characters")
    return sent


FAKE = Dialect(authenticate, write_error, read_request_id, "x-fake-id", prefix="/fake/v1", routers=[router])


@pytest.fixture
def app(system: StandInSystem) -> FastAPI:
    return create_app(system, dialects=[FAKE])


@pytest.fixture
def client(app: FastAPI, key: Callable[..., str]) -> Iterator[TestClient]:
    """A client with an admin key in the header of either dialect."""
    secret = key("admin")
    with TestClient(app, headers={"x-api-key": secret, "x-fake-key": secret}) as http:
        yield http


def fault(answer: Any) -> tuple[int, str]:
    """Status and code of a failure in the shape of the dialect."""
    assert set(answer.json()) == {"fault"}
    assert answer.headers["x-fake-id"]
    assert "x-request-id" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()["fault"]["kind"]


def native_fault(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error", "detail", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"] == str(uuid.UUID(body["request_id"]))
    assert "x-fake-id" not in answer.headers
    return answer.status_code, body["error"]


NO_KEY, WRONG_KEY = {"x-fake-key": "", "x-api-key": ""}, {"x-fake-key": "a", "x-api-key": "a"}
WRONG_IDS = {"x-fake-id": "z" * 9, "x-request-id": "7"}
FAILURES: list[tuple[str, str, str, dict[str, Any], tuple[int, str]]] = [
    ("POST", "/fake/v1/search", "/detect", {"headers": NO_KEY}, (401, "missing_api_key")),
    ("POST", "/fake/v1/search", "/detect", {"headers": WRONG_KEY}, (401, "invalid_api_key")),
    ("POST", "/fake/v1/index", "/detect", {"content": b"x" * 20_001}, (413, "request_too_large")),
    ("POST", "/fake/v1/index", "/detect", {"headers": {"content-length": "-1"}}, (400, "invalid_request")),
    ("GET", "/fake/v1/nothing", "/nothing", {}, (404, "not_found")),
    ("GET", "/fake/v1", "/fake/v2", {}, (404, "not_found")),
    ("GET", "/fake/v1/search", "/detect", {}, (405, "invalid_request")),
    ("GET", "/fake/v1/%FF", "/%FF", {}, (400, "invalid_request")),
    ("POST", "/fake/v1/search", "/detect", {"content": photo("crash")}, (500, "internal")),
    ("GET", "/fake/v1/nothing", "/nothing", {"headers": WRONG_IDS}, (400, "invalid_request")),
]


@pytest.mark.parametrize(("method", "path", "native", "sent", "expected"), FAILURES)
def test_a_failure_has_the_shape_of_its_dialect(
    client: TestClient, method: str, path: str, native: str, sent: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert fault(client.request(method, path, **sent)) == expected
    if sent.get("content") == photo("crash"):
        sent = {"files": {"img": photo("crash")}}
    assert native_fault(client.request(method, native, **sent)) == expected


def test_a_wrong_method_names_the_methods_of_the_path(client: TestClient) -> None:
    assert client.get("/fake/v1/search").headers["allow"] == "POST"


def test_neither_dialect_takes_the_key_of_the_other(app: FastAPI, key: Callable[..., str]) -> None:
    with TestClient(app) as client:
        assert fault(client.post("/fake/v1/search", headers={"x-api-key": key("admin")})) == (401, "missing_api_key")
        assert native_fault(client.post("/detect", headers={"x-fake-key": key("admin")})) == (401, "missing_api_key")


def test_an_authenticator_may_check_a_signature_over_the_body_within_its_limit(
    system: StandInSystem, key: Callable[..., str]
) -> None:
    async def signed(request: Request, keys: KeyStore, now: datetime) -> ApiKey:
        if request.headers["x-fake-signature"] != hashlib.sha256(await request.body()).hexdigest():
            raise InvalidApiKey("the signature is not that of the body")
        return await authenticate(request, keys, now)

    app = create_app(system, dialects=[replace(FAKE, authenticate=signed)])
    with TestClient(app, headers={"x-fake-key": key("admin")}) as client:

        def post(body: bytes, signed_body: bytes) -> httpx.Response:
            headers = {"x-fake-signature": hashlib.sha256(signed_body).hexdigest()}
            return client.post("/fake/v1/index", content=body, headers=headers)

        assert post(b"abc", b"abc").json() == {"bytes": 3}
        assert fault(post(b"abd", b"abc")) == (401, "invalid_api_key")
        assert fault(post(b"x" * 20_001, b"")) == (413, "request_too_large")


def test_overload_is_answered_in_the_shape_of_the_dialect(app: FastAPI) -> None:
    async def overloaded(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {OVERLOADED: True}}, receive, send)

    client = TestClient(overloaded)
    refused = client.post("/fake/v1/search")
    assert fault(refused) == (503, "queue_full")
    assert (refused.headers["retry-after"], refused.headers["connection"]) == ("1", "close")
    assert native_fault(client.post("/detect")) == (503, "queue_full")


def test_shutdown_is_answered_in_the_shape_of_the_dialect(app: FastAPI, client: TestClient) -> None:
    app.state.vultus.shutdown_state.cancel_all()
    assert fault(client.post("/fake/v1/search")) == (503, "not_ready")
    assert native_fault(client.post("/detect")) == (503, "not_ready")


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def raw_call(app: FastAPI, path: str, secret: str, receive: Callable[[], Awaitable[Message]]) -> tuple[int, Any]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"x-fake-key", secret.encode()), (b"x-api-key", secret.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    await app({**scope, "http_version": "1.1", "headers": headers}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_slow_body_is_answered_in_the_shape_of_the_dialect(system: StandInSystem, key: Callable[..., str]) -> None:
    system.settings = system.settings.model_copy(update={"request_seconds": 0.01})
    app, secret = create_app(system, dialects=[FAKE]), key("admin")
    assert asyncio.run(raw_call(app, "/fake/v1/index", secret, never)) == (408, {"fault": {"kind": "invalid_request"}})
    status, body = asyncio.run(raw_call(app, "/detect", secret, never))
    assert (status, set(body)) == (408, {"error", "detail", "request_id"})


def test_the_audit_has_the_actions_of_the_dialect(
    client: TestClient, system: StandInSystem, key: Callable[..., str]
) -> None:
    client.post("/fake/v1/search", content=photo(), headers={"x-fake-id": "7"})
    client.post("/fake/v1/search", content=b"no image")
    client.post("/fake/v1/index", content=b"nothing to change")
    client.post("/fake/v1/index", headers={"x-fake-key": key("find")})
    client.post("/fake/v1/index", headers={"x-fake-key": "wrong"})
    lines = [(line.actor, line.action, line.collection, line.outcome) for line in system.audit_sink.lines]
    assert lines == [
        ("k0", "fake.search", "staff", "ok"),
        ("k0", "fake.search", "staff", "invalid_image"),
        ("k0", "fake.index", None, "unchanged"),
        ("k1", "fake.index", None, "scope_not_allowed"),
    ]
    assert system.audit_sink.lines[0].request_id == "7"


def test_the_request_id_follows_the_rule_of_the_dialect(client: TestClient) -> None:
    assert client.post("/fake/v1/index", headers={"x-fake-id": "7"}).headers["x-fake-id"] == "7"
    assert client.get("/health", headers={"x-request-id": ID, "x-fake-id": "z" * 9}).headers["x-request-id"] == ID


def test_the_native_document_does_not_list_the_dialect(client: TestClient, system: StandInSystem) -> None:
    listed = client.get("/openapi.json").json()
    assert listed == TestClient(create_app(system)).get("/openapi.json").json()


def test_the_rate_of_a_key_holds_in_both_dialects_together(app: FastAPI, key: Callable[..., str]) -> None:
    secret = key("read", "find", requests_per_minute=1)
    with TestClient(app, headers={"x-api-key": secret, "x-fake-key": secret}) as client:
        assert client.get("/collections").status_code == 200
        refused = client.post("/fake/v1/search")
    assert fault(refused) == (429, "rate_limited")
    assert refused.headers["ratelimit-remaining"] == "0"
