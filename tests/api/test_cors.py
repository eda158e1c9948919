"""Web pages of the origins that the operator names may call from a browser; others may not, and by default none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from tests.api.standin import StandInSystem, photo
from vultus.api.app import create_app
from vultus.config import Settings
from vultus.errors import SettingsInvalid
from vultus.wiring.settings_check import check_settings

DESK, OTHER = "https://desk.example", "https://desk.example.evil.example"
ALLOWED = "access-control-allow-origin"


@pytest.fixture
def system(settings: Settings) -> StandInSystem:
    return StandInSystem(settings.model_copy(update={"cors_origins": (DESK, "http://localhost:5173")}))


@pytest.fixture
def page(system: StandInSystem) -> Iterator[TestClient]:
    """A page of an allowed origin, with an admin key."""
    _, secret = system.keys.create("test", ("admin",), requests_per_minute=4)
    with TestClient(create_app(system), headers={"origin": DESK, "x-api-key": secret}) as client:
        yield client


def preflight(client: TestClient, path: str = "/find", **headers: str) -> Any:
    asked = {"origin": DESK, "access-control-request-method": "POST", **headers}
    return client.options(path, headers={name.replace("_", "-"): value for name, value in asked.items()})


def test_a_preflight_of_an_allowed_origin_is_answered_without_a_key(page: TestClient) -> None:
    del page.headers["x-api-key"]
    answer = preflight(page, access_control_request_headers="x-api-key,content-type,x-request-id")
    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == DESK
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": OTHER},
        {"origin": "null"},
        {"origin": "HTTPS://DESK.EXAMPLE"},
        {"origin": f"{DESK}, {OTHER}"},
        {"access_control_request_method": "TRACE"},
        {"access_control_request_headers": "cookie"},
        {"access_control_request_headers": "x" * 5000},
        {"access_control_request_private_network": "true"},
    ],
)
def test_a_preflight_that_is_not_allowed_is_refused_in_the_one_shape(page: TestClient, headers: dict[str, str]) -> None:
    answer = preflight(page, **headers)
    assert answer.status_code == 405
    assert answer.json()["error"] == "invalid_request"
    assert "access-control-allow-methods" not in answer.headers
    assert len(answer.content) + sum(map(len, answer.headers.values())) < 2000


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_may_be_read_by_an_allowed_origin_and_by_no_other(page: TestClient, method: str) -> None:
    mine = page.request(method, "/readiness")
    assert (mine.status_code, mine.headers[ALLOWED]) == (200, DESK)
    theirs = page.request(method, "/readiness", headers={"origin": OTHER})
    assert theirs.status_code == 200
    assert ALLOWED not in theirs.headers
    assert {mine.headers["vary"], theirs.headers["vary"]} == {"Origin"}


def test_refusals_may_be_read_too_with_the_headers_that_say_what_to_do(page: TestClient, system: StandInSystem) -> None:
    wrong_key = page.get("/collections", headers={"x-api-key": "wrong"})
    wrong_id = page.get("/collections", headers={"x-request-id": "none"})
    unknown = page.get("/nothing")
    large = page.post("/detect", files={"img": photo("x" * 30_000)})
    for _ in range(4):
        page.get("/collections")
    often = page.get("/collections")
    system.ready = False
    early = page.get("/collections")
    answers = {401: wrong_key, 400: wrong_id, 404: unknown, 413: large, 429: often, 503: early}
    for status, answer in answers.items():
        assert (answer.status_code, answer.headers[ALLOWED]) == (status, DESK), status
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"x-request-id", "retry-after", "ratelimit-remaining"} <= set(exposed)
    assert {"retry-after", "ratelimit-reset"} <= set(often.headers)


def test_a_fault_of_the_server_may_be_read_too(page: TestClient) -> None:
    answer = page.post("/verify", files={"img1": photo("crash"), "img2": photo()})
    assert (answer.status_code, answer.headers[ALLOWED]) == (500, DESK)


def test_by_default_no_origin_is_allowed(settings: Settings) -> None:
    with TestClient(create_app(StandInSystem(settings))) as client:
        answer = client.get("/health", headers={"origin": DESK})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert preflight(client).status_code == 405


def test_origins_are_read_as_browsers_send_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VULTUS_CORS_ORIGINS", " https://Desk.example , http://[::1]:5173,capacitor://localhost,")
    assert Settings().cors_origins == (DESK, "http://[::1]:5173", "capacitor://localhost")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("*", "takes no *"),
        (f"{DESK},*", "takes no *"),
        ("null", "'null' is no origin"),
        ("desk.example", "'desk.example' is no origin"),
        (f"{DESK}/", "is no origin; write scheme, host and port"),
        (f"{DESK}:443", "is no origin"),
        ("https://*.desk.example", "is no origin"),
        ("https://käse.example", "is no origin"),
        (f"{DESK} {OTHER}", "is no origin"),
    ],
)
def test_what_is_no_exact_origin_is_refused(monkeypatch: pytest.MonkeyPatch, value: str, problem: str) -> None:
    monkeypatch.setenv("VULTUS_CORS_ORIGINS", value)
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert problem in str(refusal.value)


def test_origins_without_keys_are_refused(settings: Settings) -> None:
    both = settings.model_copy(update={"cors_origins": (DESK,), "without_keys": True})
    with pytest.raises(SettingsInvalid, match="VULTUS_CORS_ORIGINS needs API keys"):
        check_settings(both)
