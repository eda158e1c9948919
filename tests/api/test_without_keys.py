"""A server without keys: who may call it, web pages of other sites in particular, and what it never gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from tests.api.standin import StandInSystem, photo
from vultus.api.app import create_app
from vultus.api.routes import keys
from vultus.config import Settings

HERE = "http://127.0.0.1:8000"
HOSTS = [
    "127.0.0.1:8000",
    "127.0.0.1",
    "127.1.2.3",
    "localhost",
    "LocalHost:1",
    "vultus.localhost",
    "[::1]:8000",
    "[::1]",
]
# what a browser sends beside the Host for a page of another site, of another port, and of no address at all
PAGES = [
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-site"},
    {"origin": "http://localhost:8000"},  # the same server by another name is another origin
    {"origin": "null"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
]
FORM = {"content-type": "text/plain"}  # one of the three types that a page may send without asking


def client_of(system: StandInSystem, **more: Any) -> TestClient:
    system.settings = system.settings.model_copy(update={"without_keys": True, **more})
    return TestClient(create_app(system), base_url=HERE)


@pytest.fixture
def client(system: StandInSystem) -> Iterator[TestClient]:
    with client_of(system) as http:
        yield http


@pytest.mark.parametrize("host", HOSTS)
def test_programs_call_it_by_any_loopback_name(client: TestClient, host: str) -> None:
    assert client.get("/collections", headers={"host": host}).status_code == 200
    assert client.post("/detect", files={"img": photo()}, headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8000", "localhost.evil.example", "evillocalhost", "0.0.0.0:8000", "10.0.0.1", "", "[::2]"]
)
def test_a_name_that_was_made_to_lead_here_is_refused_with_the_way_out(client: TestClient, host: str) -> None:
    for path in ("/collections", "/docs", "/health", "/openapi.json"):
        answer = client.get(path, headers={"host": host})
        assert (answer.status_code, answer.json()["error"]) == (403, "host_not_allowed")
        assert "VULTUS_ALLOWED_HOSTS" in answer.json()["detail"]


def test_two_hosts_are_refused(client: TestClient) -> None:
    sent = [("host", "127.0.0.1"), ("host", "evil.example")]
    assert client.get("/collections", headers=sent).json()["error"] == "host_not_allowed"


@pytest.mark.parametrize("headers", PAGES)
def test_pages_of_other_origins_are_refused_whatever_they_send(client: TestClient, headers: dict[str, str]) -> None:
    calls = [
        client.post("/enroll", files={"img": photo()}, headers=headers),
        client.post("/detect", content="{}", headers={**headers, **FORM}),
        client.delete("/collections/default", headers=headers),
        client.get("/collections", headers=headers),
    ]
    for answer in calls:
        assert (answer.status_code, answer.json()["error"]) == (403, "cross_site_request")
        assert "serve with keys" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "same-origin"}, {"origin": HERE, "sec-fetch-site": "same-origin"}]
)
def test_its_own_page_may_call(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/detect", files={"img": photo()}, headers=headers).status_code == 200


def test_a_link_to_it_may_be_followed_and_a_form_not_sent(client: TestClient) -> None:
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/docs", headers=followed).status_code == 200
    assert client.post("/detect", files={"img": photo()}, headers=followed).status_code == 403


def test_the_operator_may_allow_more_names(system: StandInSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VULTUS_ALLOWED_HOSTS", "Faces.lan, box")
    names = Settings().allowed_hosts
    assert names == ("faces.lan", "box")
    with client_of(system, allowed_hosts=names) as client:
        assert client.get("/collections", headers={"host": "faces.lan:80"}).status_code == 200
        page = {"host": "faces.lan", "origin": "https://faces.lan"}  # behind a proxy with TLS
        assert client.post("/detect", files={"img": photo()}, headers=page).status_code == 200
        assert client.get("/collections", headers={"host": "other.lan"}).status_code == 403


@pytest.mark.parametrize("value", ["*", "http://faces.lan", "faces.lan/x", "a b"])
def test_what_is_no_name_is_no_allowed_host(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("VULTUS_ALLOWED_HOSTS", value)
    with pytest.raises(ValueError, match="allowed_hosts"):
        Settings()


def test_no_call_about_keys_does_anything(client: TestClient, system: StandInSystem) -> None:
    key, _ = system.keys.create("earlier", ("read",))
    before = system.keys.keys()
    routes = [route for route in keys.router.routes if isinstance(route, APIRoute)]
    assert len(routes) == 5
    for route in routes:
        for method in route.methods:
            body = {"name": "mine", "scopes": ["read"]} if route.path == "/keys" and method == "POST" else None
            answer = client.request(method, route.path.replace("{key_id}", key.id), json=body)
            assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
            assert "vultus keys create" in answer.json()["detail"]
    assert system.keys.keys() == before


def test_with_keys_any_name_and_origin_may_call_as_the_key_decides(system: StandInSystem) -> None:
    with TestClient(create_app(system), base_url="http://faces.example") as client:
        assert client.get("/health", headers={"origin": "https://evil.example"}).status_code == 200
        assert client.get("/collections", headers={"origin": "https://evil.example"}).status_code == 401
