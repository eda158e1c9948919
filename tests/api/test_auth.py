"""Keys, scopes, collections, rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInSystem, photo
from vultus.api.app import create_app
from vultus.api.middleware.overload import KNOWN_CALLER
from vultus.api.rate_limiting.rate_limits import RateLimiter

CALLS = [
    ("POST", "/enroll", "enroll"),
    ("POST", "/verify", "verify"),
    ("POST", "/find", "find"),
    ("POST", "/represent", "represent"),
    ("POST", "/detect", "represent"),
    ("POST", "/compare", "verify"),
    ("GET", "/collections", "read"),
    ("PUT", "/collections/c", "enroll"),
    ("GET", "/collections/c", "read"),
    ("PATCH", "/collections/c", "admin"),
    ("DELETE", "/collections/c", "erase"),
    ("GET", "/collections/c/subjects", "read"),
    ("GET", "/collections/c/subjects/s", "read"),
    ("PATCH", "/collections/c/subjects/s", "enroll"),
    ("DELETE", "/collections/c/subjects/s", "erase"),
    ("GET", "/collections/c/subjects/s/faces", "read"),
    ("GET", "/faces/f", "read"),
    ("DELETE", "/faces/f", "erase"),
    ("GET", "/faces/f/photo", "read"),
    ("POST", "/collections/c/subjects/s/rename", "enroll"),
    ("POST", "/collections/c/subjects/s/merge", "enroll"),
    ("POST", "/faces/f/move", "enroll"),
    ("POST", "/undo/u", "enroll"),
    ("GET", "/collections/c/faces", "read"),
    ("POST", "/collections/c/reembed", "admin"),
    ("GET", "/collections/c/reembed", "admin"),
    ("POST", "/collections/c/reembed/finish", "admin"),
    ("GET", "/jobs", "enroll"),
    ("POST", "/jobs", "enroll"),
    ("GET", "/jobs/j", "enroll"),
    ("POST", "/jobs/j/cancel", "enroll"),
    ("GET", "/audit", "admin"),
    ("GET", "/metrics", "metrics"),
    ("GET", "/keys", "admin"),
    ("POST", "/keys", "admin"),
    ("DELETE", "/keys/k", "admin"),
    ("POST", "/keys/k/rotate", "admin"),
]
SCOPES = ("enroll", "verify", "find", "represent", "read", "erase", "override", "metrics")


@pytest.mark.parametrize(
    "header", [("Authorization", "Bearer {}"), ("authorization", "bEaReR {}"), ("X-Api-Key", "{}")]
)
def test_a_key_is_taken_from_both_headers(
    anonymous: TestClient, key: Callable[..., str], header: tuple[str, str]
) -> None:
    name, value = header
    assert anonymous.get("/collections", headers={name: value.format(key("read"))}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}, {"x-api-key": ""}]
)
def test_no_key_is_said_to_be_missing(anonymous: TestClient, headers: dict[str, str]) -> None:
    answer = anonymous.get("/collections", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "missing_api_key")


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_a_call_needs_its_scope(
    anonymous: TestClient, key: Callable[..., str], method: str, path: str, scope: str
) -> None:
    others = key(*(other for other in SCOPES if other != scope))
    answer = anonymous.request(method, path, headers={"x-api-key": others})
    assert (answer.status_code, answer.json()["error"]) == (403, "scope_not_allowed")
    for scopes in ((scope,), ("admin",)):
        answer = anonymous.request(method, path, headers={"x-api-key": key(*scopes)})
        assert answer.status_code not in (401, 403)


def test_every_other_call_is_public(anonymous: TestClient) -> None:
    protected = {(method, path.split("/")[1]) for method, path, _ in CALLS}
    for path, calls in anonymous.get("/openapi.json").json()["paths"].items():
        for method in calls:
            public = path in ("/health", "/readiness", "/capabilities")
            if path == "/status":  # says more to a caller with a key
                continue
            assert public or (method.upper(), path.split("/")[1]) in protected
            assert public == ("security" not in calls[method])


def test_the_key_is_checked_before_the_body(anonymous: TestClient) -> None:
    assert anonymous.post("/verify", content=b"{ no json").status_code == 401


def test_a_refusal_never_repeats_the_key(anonymous: TestClient) -> None:
    assert "hunter2" not in anonymous.get("/keys", headers={"x-api-key": "hunter2"}).text


LIMITED: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/enroll", {"files": {"img": photo()}, "data": {"collection": "b"}}),
    ("POST", "/find", {"files": {"img": photo()}, "data": {"collection": "b"}}),
    ("POST", "/verify", {"files": {"img": photo()}, "data": {"collection": "b", "subject": "s"}}),
    ("GET", "/collections/b", {}),
    ("PUT", "/collections/b", {}),
    ("DELETE", "/collections/b", {}),
    ("GET", "/collections/b/subjects", {}),
    ("PATCH", "/collections/b/subjects/s", {"json": {"name": "x"}}),
    ("DELETE", "/collections/b/subjects/s", {}),
    ("POST", "/collections/b/subjects/s/rename", {"json": {"subject": "t"}}),
    ("POST", "/collections/b/subjects/s/merge", {"json": {"into": "t"}}),
]


@pytest.mark.parametrize(("method", "path", "request_"), LIMITED)
def test_a_key_limited_to_collections_reaches_no_other(
    anonymous: TestClient, key: Callable[..., str], method: str, path: str, request_: dict[str, Any]
) -> None:
    secret = key(*SCOPES, collections=("a",))
    answer = anonymous.request(method, path, headers={"x-api-key": secret}, **request_)
    assert (answer.status_code, answer.json()["error"]) == (403, "collection_not_allowed")


def test_a_limited_key_sees_only_its_collections_and_faces(client: TestClient, key: Callable[..., str]) -> None:
    face_ids = {}
    for collection in ("a", "b"):
        enrolled = client.post(
            "/enroll", files={"img": photo()}, data={"collection": collection, "subject": collection}
        )
        face_ids[collection] = enrolled.json()["faces"][0]["face_id"]
    headers = {"x-api-key": key("read", "erase", collections=("a",))}
    listed = client.get("/collections", headers=headers).json()["collections"]
    assert [one["collection"] for one in listed] == ["a"]
    assert client.get(f"/faces/{face_ids['a']}/photo", headers=headers).status_code == 200
    for method, path in (("GET", "/faces/{}"), ("GET", "/faces/{}/photo"), ("DELETE", "/faces/{}")):
        refused = client.request(method, path.format(face_ids["b"]), headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (403, "collection_not_allowed")


def test_an_admin_key_limited_to_collections_makes_no_keys(anonymous: TestClient, key: Callable[..., str]) -> None:
    secret = key("admin", collections=("a",))
    assert anonymous.get("/keys", headers={"x-api-key": secret}).status_code == 403


def test_a_key_with_a_rate_says_what_is_left_and_then_refuses(anonymous: TestClient, key: Callable[..., str]) -> None:
    headers = {"x-api-key": key("read", requests_per_minute=2)}
    answers = [anonymous.get("/collections", headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].json()["error"] == "rate_limited"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].headers["ratelimit-limit"] == "2"
    assert 1 <= int(answers[2].headers["ratelimit-reset"]) <= 60


def test_a_minute_later_the_key_may_again() -> None:
    now = 100.0
    limiter = RateLimiter(lambda: now)
    assert not limiter.take("k", 1).exceeded
    assert limiter.take("k", 1).exceeded
    now = 159.0
    assert limiter.take("k", 1).reset_seconds == 1.0
    now = 160.0
    assert not limiter.take("k", 1).exceeded


def test_a_clock_that_is_set_back_locks_no_key_out() -> None:
    now = 1_000_000.0
    limiter = RateLimiter(lambda: now)
    assert not limiter.take("k", 1).exceeded
    assert limiter.take("k", 1).exceeded
    now = 5.0
    assert limiter.take("k", 1).reset_seconds == 60.0
    assert limiter.take("k", 1).exceeded


def test_the_use_of_a_key_is_remembered(anonymous: TestClient, key: Callable[..., str], system: StandInSystem) -> None:
    anonymous.get("/collections", headers={"x-api-key": key("read")})
    assert system.keys.touched == ["k0"]


def test_the_gate_tells_the_server_whose_key_was_accepted(system: StandInSystem, key: Callable[..., str]) -> None:
    marked: list[bool] = []
    app = create_app(system)

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        marked.append(KNOWN_CALLER in scope.get("state", {}))

    client = TestClient(watched)
    for path, secret in (("/collections", "wrong"), ("/docs", key("read")), ("/collections", key("read"))):
        client.get(path, headers={"x-api-key": secret})
    assert marked == [False, False, True]
