"""CompreFace's keys, paths and failures: every answer below /api/v1 is JSON of CompreFace's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.test_audit import gates
from vultus.api.app import create_app
from vultus.api.middleware.overload import OVERLOADED
from vultus.errors import SettingsInvalid
from vultus.wiring.parts import System

SUBJECTS = "/api/v1/recognition/subjects"


@pytest.fixture
def client(http: TestClient, uuids: dict[str, str], nobody: None) -> Iterator[TestClient]:
    """A client whose key is of the recognition service, for the collection people."""
    http.headers["x-api-key"] = uuids["compreface-recognition"]
    yield http
    http.headers.pop("x-api-key", None)


@pytest.fixture
def key(shared: System) -> Callable[..., str]:
    """Makes a native key with these scopes and returns its secret."""

    def make(*scopes: Any, **limits: Any) -> str:
        return shared.keys.create("test", scopes, **limits)[1]

    return make


def with_settings(system: System, **changes: Any) -> System:
    return replace(system, settings=system.settings.model_copy(update=changes))


def failure(answer: Any) -> tuple[int, int]:
    """Status and code of a failure in CompreFace's shape."""
    body = answer.json()
    assert set(body) == {"message", "code"}
    assert body["message"]
    assert answer.headers["x-request-id"]
    return answer.status_code, body["code"]


def test_a_uuid_reads_the_subjects_of_its_collection(client: TestClient) -> None:
    assert client.get(SUBJECTS).json() == {"subjects": []}
    assert client.get(SUBJECTS, headers={"x-api-key": client.headers["x-api-key"].upper()}).status_code == 200


def test_a_native_key_serves_all_three_services(client: TestClient, key: Callable[..., str]) -> None:
    assert client.get(SUBJECTS, headers={"x-api-key": key("read")}).json() == {"subjects": []}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("not a uuid", (400, 26)),
        ("", (400, 26)),
        ("00000000-0000-0000-0000-0000000000ff", (404, 10)),
        ("vk_of_nobody", (404, 10)),
    ],
)
def test_a_key_that_does_not_serve_is_told_apart(client: TestClient, sent: str, expected: tuple[int, int]) -> None:
    answer = client.get(SUBJECTS, headers={"x-api-key": sent})
    assert failure(answer) == expected
    assert not sent or sent not in answer.text


def test_a_key_of_another_service_is_told_apart(client: TestClient, uuids: dict[str, str]) -> None:
    answer = client.get(SUBJECTS, headers={"x-api-key": uuids["compreface-detection"]})
    assert failure(answer) == (404, 10)
    assert "Recognition service" in answer.json()["message"]


def test_a_missing_key(client: TestClient) -> None:
    del client.headers["x-api-key"]
    answer = client.get(SUBJECTS)
    assert failure(answer) == (400, 20)
    assert answer.json()["message"] == "Missing header: x-api-key"


def test_revoked_and_scopeless_keys(client: TestClient, shared: System, key: Callable[..., str]) -> None:
    assert failure(client.get(SUBJECTS, headers={"x-api-key": key("find")})) == (403, 0)
    made, secret = shared.keys.create("gone", ["read"])
    shared.keys.revoke(made.id)
    assert failure(client.get(SUBJECTS, headers={"x-api-key": secret})) == (404, 10)


def test_the_rate_of_a_key_is_said_with_retry_after(client: TestClient, key: Callable[..., str]) -> None:
    sent = {"x-api-key": key("read", requests_per_minute=1)}
    assert client.get(SUBJECTS, headers=sent).status_code == 200
    answer = client.get(SUBJECTS, headers=sent)
    assert failure(answer) == (429, 0)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "sent", "expected"),
    [
        ("GET", "/api/v1/nothing", {}, (404, 0)),
        ("GET", "/api/v1", {}, (404, 0)),
        ("PATCH", SUBJECTS, {}, (404, 0)),
        ("POST", SUBJECTS, {"content": b"x" * 2_000_001}, (413, 0)),
        ("GET", f"{SUBJECTS}/%FF", {}, (400, 0)),
    ],
)
def test_failures_outside_of_routes_have_the_shape_too(
    client: TestClient, method: str, path: str, sent: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert failure(client.request(method, path, **sent)) == expected


def test_a_server_that_starts_and_one_that_is_overloaded(shared: System) -> None:
    starting = TestClient(create_app(replace(shared, ready=False))).get(SUBJECTS)
    assert failure(starting) == (503, 41)
    assert starting.headers["retry-after"]
    app = create_app(shared)

    async def overloaded(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {OVERLOADED: True}}, receive, send)

    assert failure(TestClient(overloaded).get(SUBJECTS)) == (503, 41)


def test_a_dialect_that_is_switched_off_is_not_there(shared: System) -> None:
    with TestClient(create_app(with_settings(shared, dialects=()))) as client:
        assert client.get("/capabilities").json()["dialects"] == []
        assert client.get(SUBJECTS).json()["error"] == "not_found"


def test_a_prefix_that_a_dialect_has_is_refused_unless_it_is_off(shared: System) -> None:
    with pytest.raises(SettingsInvalid, match="VULTUS_DIALECTS"):
        create_app(with_settings(shared, root_path="/api"))
    create_app(with_settings(shared, root_path="/api", dialects=()))


def test_calls_are_audited_by_actions_of_their_own(shared: System) -> None:
    native = {gate.action for _, gate in gates(create_app(shared, dialects=[]))}
    actions = [(route, gate) for route, gate in gates(create_app(shared)) if route.path.startswith("/api/v1")]
    unaudited = {(route.path, *route.methods) for route, gate in actions if gate.action is None}
    assert unaudited == {(SUBJECTS, "GET"), ("/api/v1/recognition/faces", "GET")}
    assert not native & {gate.action for _, gate in actions if gate.action is not None}
    assert {gate.action.split(".")[0] for _, gate in actions if gate.action} == {"compreface"}
    changing = {method for route, gate in actions if gate.changes for method in route.methods}
    assert changing == {"POST", "PUT", "DELETE"}
