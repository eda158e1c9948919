"""What a call would ignore is refused: query parameters that it has not, a body that it does not read."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from vultus.api.unread_input import query_parameters


def _calls(client: TestClient) -> list[tuple[str, str]]:
    routes = [route for route in client.app.state.routes if isinstance(route, APIRoute) and route.include_in_schema]
    filled = {"collection": "staff", "subject": "anna", "face_id": "a" * 32, "job_id": "a" * 32, "key_id": "a" * 32}
    paths = [(route, "".join(_filled(part, filled) for part in route.path.split("{"))) for route in routes]
    return [(method, path) for route, path in paths for method in sorted(route.methods)]


def _filled(part: str, values: dict[str, str]) -> str:
    name, closing, rest = part.partition("}")
    return values.get(name, "a" * 32) + rest if closing else part


def _refusal(client: TestClient, method: str, path: str, **how: object) -> str:
    answer = client.request(method, path, **how)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (method, path, answer.text)
    return str(answer.json()["detail"])


def test_every_route_refuses_a_query_parameter_that_it_has_not(small_client):
    calls = _calls(small_client)
    assert len(calls) > 30
    for method, path in calls:
        assert "unexpected" in _refusal(small_client, method, path, params={"unexpected": "1"})


def test_a_filter_that_there_is_not_erases_nothing(small_client):
    small_client.put("/collections/staff")
    detail = _refusal(small_client, "DELETE", "/collections/staff?subject=anna")
    assert detail == "unknown query parameter 'subject'; this call takes none"
    assert "no body" in _refusal(small_client, "DELETE", "/collections/staff", json={"subject": "anna"})
    assert small_client.get("/collections/staff").status_code == 200
    assert small_client.request("DELETE", "/collections/staff", json={}).status_code == 200


def test_a_query_parameter_sent_twice_is_refused_and_known_ones_are_named(small_client):
    assert "sent twice" in _refusal(small_client, "GET", "/jobs?limit=1&limit=2")
    assert "cursor, limit" in _refusal(small_client, "GET", "/jobs?page=2")


def test_a_key_is_asked_for_before_the_query_is_read(anonymous):
    assert anonymous.delete("/collections/staff?subject=anna").status_code == 401


@pytest.mark.parametrize("path", ["/health", "/readiness", "/capabilities"])
def test_public_calls_without_parameters_answer(anonymous, path):
    assert anonymous.get(path).status_code in (200, 503)


def test_the_parameters_of_a_route_are_those_of_its_model(small_client):
    named = {
        route.path: query_parameters(route) for route in small_client.app.state.routes if hasattr(route, "dependant")
    }
    assert named["/collections/{collection}/subjects"] == ["cursor", "limit", "q", "sort"]
    assert named["/collections"] == []
