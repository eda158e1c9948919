"""/metrics and /status: who may read them, what they count, and what they never hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from tests.api.standin import StandInSystem
from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.records.stored import SCOPES
from vultus.wiring.parts import System

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
Counts = dict[tuple[str, ...], float]


def local(system: Any, address: str = "127.0.0.1", host: str = "localhost:8000") -> TestClient:
    """A program on the machine of the server, or what its proxy passes on."""
    return TestClient(create_app(system), client=(address, 50000), base_url=f"http://{host}")


@pytest.fixture
def neighbour(system: StandInSystem) -> Iterator[TestClient]:
    with local(system) as client:
        yield client


def lines(client: TestClient, name: str, *labels: str) -> Counts:
    """The values of a metric by these labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    found = [line for family in families for line in family.samples if line.name == name]
    return {tuple(line.labels[label] for label in labels): line.value for line in found}


def requests(client: TestClient) -> Counts:
    return lines(client, "vultus_http_requests_total", "route", "method", "status", "code")


@pytest.mark.parametrize("path", ["/metrics", "/status"])
def test_a_monitor_may_ask_with_head_and_is_answered_as_with_get(
    client: TestClient, anonymous: TestClient, path: str
) -> None:
    asked, known = client.get(path), client.head(path)
    assert (known.status_code, known.content) == (200, b"")
    assert known.headers["content-type"] == asked.headers["content-type"]


def test_head_needs_the_rights_of_get(client: TestClient, key: Callable[..., str]) -> None:
    assert client.head("/metrics", headers={"x-api-key": key("read")}).status_code == 403
    assert client.head("/metrics", headers={"x-api-key": "wrong"}).status_code == 401


# --- who may read -------------------------------------------------------------------------------------------------


def test_a_key_needs_the_scope_and_gets_nothing_else_by_it(anonymous: TestClient, key: Callable[..., str]) -> None:
    for scopes, status in ((("metrics",), 200), (("admin",), 200), (tuple(set(SCOPES) - {"metrics", "admin"}), 403)):
        assert anonymous.get("/metrics", headers={"x-api-key": key(*scopes)}).status_code == status
    only_metrics = {"x-api-key": key("metrics")}
    for path in ("/collections", "/keys", "/audit", "/jobs"):
        assert anonymous.get(path, headers=only_metrics).json()["error"] == "scope_not_allowed"


def test_a_key_of_some_collections_does_not_learn_the_names_of_others(
    anonymous: TestClient, key: Callable[..., str]
) -> None:
    answer = anonymous.get("/metrics", headers={"x-api-key": key("metrics", collections=("guests",))})
    assert answer.status_code == 403
    assert answer.json()["error"] == "collection_not_allowed"


def test_a_rate_does_not_hide_an_outage(anonymous: TestClient, key: Callable[..., str]) -> None:
    header = {"x-api-key": key("metrics", "read", requests_per_minute=1)}
    assert [anonymous.get("/metrics", headers=header).status_code for _ in range(5)] == [200] * 5
    assert anonymous.get("/collections", headers=header).status_code == 200  # the rate is not used up
    assert anonymous.get("/collections", headers=header).status_code == 429


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_a_program_on_the_machine_needs_no_key(system: StandInSystem, address: str) -> None:
    with local(system, address) as client:
        assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}),
        ("127.0.0.1", {"forwarded": "for=203.0.113.7"}),
        ("127.0.0.1", {"x-real-ip": "203.0.113.7"}),
        ("127.0.0.1", {"via": "1.1 proxy"}),
        ("127.0.0.1", {"host": "faces.example.org"}),  # a proxy that keeps the Host, or a page that rebinds its name
        ("203.0.113.7", {}),
        ("127.0.0.1", {"origin": "https://desk.example"}),
        ("203.0.113.7", {"x-forwarded-for": "127.0.0.1"}),  # what a caller writes makes nobody local
        ("::ffff:203.0.113.7", {}),
    ],
)
def test_anybody_else_does(system: StandInSystem, address: str, headers: dict[str, str]) -> None:
    with local(system, address) as client:
        answer = client.get("/metrics", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "missing_api_key")


def test_an_operator_can_ask_everybody_for_a_key(system: StandInSystem) -> None:
    system.settings = system.settings.model_copy(update={"metrics_without_key": "never"})
    with local(system) as client:
        assert client.get("/metrics").status_code == 401


def test_a_wrong_key_is_refused_on_the_machine_too(neighbour: TestClient) -> None:
    assert neighbour.get("/metrics", headers={"x-api-key": "wrong"}).status_code == 401


def test_a_server_without_keys_asks_for_none(system: StandInSystem) -> None:
    system.settings = system.settings.model_copy(update={"without_keys": True})
    with TestClient(create_app(system), base_url="http://localhost") as client:
        assert client.get("/metrics").status_code == 200
        assert "warnings" in client.get("/status").json()


# --- what is counted ----------------------------------------------------------------------------------------------


def test_requests_are_counted_by_route_template_method_status_and_code(
    neighbour: TestClient, key: Callable[..., str]
) -> None:
    admin = {"x-api-key": key("admin")}
    for number in range(3):
        assert neighbour.get(f"/collections/secret-{number}/subjects/anna-{number}", headers=admin).status_code == 404
    neighbour.get("/collections", headers=admin)
    neighbour.get("/collections", headers={"x-api-key": "wrong"})
    neighbour.get("/collections")
    for number in range(9):
        neighbour.get(f"/wp-admin/{number}")
    neighbour.request("BREW", "/health")
    neighbour.get("/health", headers={"x-request-id": "no uuid"})
    assert requests(neighbour) == {
        ("/collections/{collection}/subjects/{subject}", "GET", "404", "subject_not_found"): 3,
        ("/collections", "GET", "200", ""): 1,
        ("/collections", "GET", "401", "invalid_api_key"): 1,
        ("/collections", "GET", "401", "missing_api_key"): 1,
        ("other", "GET", "404", "not_found"): 9,
        ("/health", "other", "405", "invalid_request"): 1,
        ("other", "GET", "400", "invalid_request"): 1,  # refused before a route was found
    }
    failed = lines(neighbour, "vultus_authentication_failures_total", "code")
    assert failed == {("invalid_api_key",): 1, ("missing_api_key",): 1}
    timed = lines(neighbour, "vultus_http_request_duration_seconds_count", "route", "method")
    assert timed["/collections", "GET"] == 3


def test_decisions_stages_and_rejected_photos_of_a_whole_service(whole: System) -> None:
    admin = whole.keys.create("test", SCOPES)[1]
    with local(whole) as client:
        client.headers["x-api-key"] = admin
        anna, bob = drawn_photo(1), drawn_photo(2)
        files = [("img", ("a.png", anna)), ("img", ("b.png", b"no picture"))]
        enrolled = client.post("/enroll", files=files, data={"subject": "anna-nowak"})
        assert [one["error"] for one in enrolled.json()["rejected"]] == ["invalid_image"]
        assert client.post("/find", files={"img": anna}).json()["faces"][0]["decision"] == "match"
        assert client.post("/find", files={"img": bob}).json()["faces"][0]["decision"] == "unknown"
        assert client.post("/verify", files={"img1": anna, "img2": anna}).json()["verified"]
        client.post("/verify", files={"img1": anna, "img2": b"no picture"})
        decisions = lines(client, "vultus_decisions_total", "operation", "decision")
        assert decisions == {("find", "match"): 1, ("find", "unknown"): 1, ("verify", "verified"): 1}
        assert lines(client, "vultus_enrolment_rejections_total", "code") == {("invalid_image",): 1}
        stages = lines(client, "vultus_stage_duration_seconds_count", "stage")
        unused = {stage for (stage,), count in stages.items() if not count}
        assert unused == {"liveness", "wait"}  # not asked for; a slot was always free
        assert (stages["decode",], stages["photos",]) == (5, 1)
        assert lines(client, "vultus_faces", "collection") == {("default",): 1}
        page = client.get("/metrics").text
        for secret in ("anna", "nowak", admin, enrolled.json()["faces"][0]["face_id"]):
            assert secret not in page


def test_open_metrics_are_answered_where_they_are_asked_for(neighbour: TestClient) -> None:
    neighbour.get("/health")
    answer = neighbour.get("/metrics", headers={"accept": OPEN_METRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "vultus_http_requests" in [family.name for family in openmetrics_families(answer.text)]
    plain = neighbour.get("/metrics", headers={"accept": "*/*"})
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "_created" not in answer.text + plain.text


def test_the_requests_under_way_are_shown(neighbour: TestClient) -> None:
    assert lines(neighbour, "vultus_http_requests_in_flight") == {(): 1}  # the scrape itself


def test_a_server_that_is_not_ready_is_still_watched(neighbour: TestClient, system: StandInSystem) -> None:
    system.ready = False
    assert lines(neighbour, "vultus_ready") == {(): 0}
    status = neighbour.get("/status")
    assert (status.status_code, status.json()["status"]) == (200, "not_ready")
    assert "starting or stopping" in status.json()["reason"]


# --- status -------------------------------------------------------------------------------------------------------


def test_without_a_key_the_status_says_little(anonymous: TestClient) -> None:
    answer = anonymous.get("/status").json()
    assert {**answer, "version": "1"} == {"status": "ready", "reason": None, "version": "1"}
    assert anonymous.get("/status", headers={"x-api-key": "wrong"}).status_code == 401
    assert anonymous.get("/status?all=1").status_code == 400


@pytest.mark.parametrize("scope", ["read", "metrics", "find"])
def test_with_any_key_it_says_all(anonymous: TestClient, key: Callable[..., str], scope: str) -> None:
    answer = anonymous.get("/status", headers={"x-api-key": key(scope)}).json()
    assert answer["enrolled"] == {"collections": 2, "subjects": 21, "faces": 32, "unknown_faces": 0}
    assert answer["models"] == [{"model": "tiny", "precision": "int8"}]
    assert answer["workers"]["serving"] == 1
    assert answer["storage"]["last_backup"] == "2026-01-02T03:04:05Z"
    assert any("hours old; run: vultus backup FILE" in warning for warning in answer["warnings"])
    (server,) = answer["servers"]
    assert (server["host"], server["process_id"], server["state"], server["search"]) == (
        "web-1",
        17,
        "living",
        "memory",
    )
    assert (server["collections"], server["behind"], server["clock_ahead_seconds"]) == (2, 1, 0.012)


def test_a_key_of_some_collections_counts_those(anonymous: TestClient, key: Callable[..., str]) -> None:
    header = {"x-api-key": key("read", collections=("guests",))}
    answer = anonymous.get("/status", headers=header).json()
    assert answer["enrolled"] == {"collections": 1, "subjects": 1, "faces": 2, "unknown_faces": 0}
    assert [(one["collections"], one["behind"]) for one in answer["servers"]] == [(1, 0)]


def test_a_service_whose_slots_are_stuck_says_why(anonymous: TestClient, system: StandInSystem) -> None:
    system.stuck_seconds = 31.0
    assert "no compute slot has come free for 31 s" in anonymous.get("/status").json()["reason"]


def test_a_lost_audit_line_is_a_warning(
    anonymous: TestClient, key: Callable[..., str], system: StandInSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = system.work()
    monkeypatch.setattr(system, "work", lambda: replace(working, audit_lost=4))
    answer = anonymous.get("/status", headers={"x-api-key": key("read")}).json()
    assert [warning for warning in answer["warnings"] if warning.startswith("4 audit lines were given up")]
