"""Every failure has one shape and its status; none shows internals of the server."""

from __future__ import annotations

import base64
import logging
import uuid
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import FACE, QUALITY, StandInService, photo
from vultus.api.errors import STATUS, describe
from vultus.errors import (
    LowQuality,
    ModelNotInstalled,
    NotReady,
    QueueFull,
    QueueTimeout,
    StorageFailed,
    VultusError,
)

B64 = base64.b64encode(photo()).decode()
FAILING: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/no/such/path", {}, 404, "not_found"),
    ("GET", "/verify", {}, 405, "invalid_request"),
    ("POST", "/verify/", {}, 404, "not_found"),
    ("DELETE", "/collections", {}, 405, "invalid_request"),
    ("POST", "/verify", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "invalid_request"),
    ("POST", "/verify", {"content": b"[" * 9000}, 400, "invalid_request"),
    ("POST", "/verify", {"json": []}, 400, "invalid_request"),
    ("POST", "/verify", {}, 400, "invalid_request"),
    ("POST", "/verify", {"json": {"img1": "aGk=", "img2": "aGk="}}, 400, "invalid_image"),
    ("POST", "/represent", {"files": {"img": ("a.txt", b"just text")}}, 400, "invalid_image"),
    ("POST", "/represent", {"json": {"img": "/etc/passwd"}}, 400, "invalid_image"),
    ("POST", "/represent", {"json": {"img": "http://localhost/a.jpg"}}, 400, "invalid_request"),
    ("POST", "/represent", {"files": {"img": photo("none")}}, 422, "no_face_detected"),
    ("POST", "/represent", {"files": {"img": photo()}, "data": {"model_name": "other"}}, 400, "model_name_not_allowed"),
    ("POST", "/detect", {"json": {"img": B64, "detector_backend": "x"}}, 400, "detector_backend_not_allowed"),
    ("POST", "/represent", {"files": {"img": b"x" * 5001}}, 413, "request_too_large"),
    ("POST", "/represent", {"content": b"x" * 20_001}, 413, "request_too_large"),
    ("POST", "/enroll", {"files": {"img": photo("two")}}, 422, "multiple_faces"),
    ("POST", "/enroll", {"files": {"img": photo("dim")}}, 422, "low_quality"),
    ("POST", "/find", {"files": {"img": photo()}, "data": {"collection": "none"}}, 404, "collection_not_found"),
    ("POST", "/verify", {"files": {"img": photo()}, "data": {"subject": "no"}}, 404, "subject_not_found"),
    ("POST", "/represent", {"files": {"img": photo("crash")}}, 500, "internal"),
    ("GET", "/faces/none", {}, 404, "face_not_found"),
    ("DELETE", "/keys/none", {}, 404, "not_found"),
    ("GET", "/collections/a%20b", {}, 400, "invalid_request"),
    ("GET", "/collections/%FF", {}, 400, "invalid_request"),
    ("GET", "/collections/c/subjects?limit=0", {}, 400, "invalid_request"),
    ("GET", "/collections/c/subjects?limt=3", {}, 400, "invalid_request"),
    ("GET", "/collections/c/subjects?cursor=%21", {}, 400, "invalid_request"),
    ("GET", "/health", {"headers": {"x-api-key": "", "x-request-id": "7"}}, 400, "invalid_request"),
    ("GET", "/collections", {"headers": {"x-api-key": ""}}, 401, "missing_api_key"),
    ("GET", "/collections", {"headers": {"x-api-key": "wrong"}}, 401, "invalid_api_key"),
    ("GET", "/static-offline-docs/none.js", {}, 404, "not_found"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "request_", "status", "code"), FAILING)
def test_every_failure_has_the_one_shape(
    client: TestClient, method: str, path: str, request_: dict[str, Any], status: int, code: str
) -> None:
    answer = client.request(method, path, follow_redirects=False, **request_)
    body = answer.json()
    assert (answer.status_code, body.get("error")) == (status, code), body
    assert set(body) == {"error", "detail", "request_id"}
    assert answer.headers["content-type"] == "application/json"
    assert body["request_id"] == answer.headers["x-request-id"] == str(uuid.UUID(body["request_id"]))
    assert body["detail"]
    for secret in ("Traceback", "SECRET", "/etc/passwd", ".py", "pydantic"):
        assert secret not in answer.text


def _subclasses(kind: type[VultusError]) -> list[type[VultusError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _subclasses(child))]


def test_every_error_of_the_tree_has_a_status() -> None:
    assert {kind.code for kind in _subclasses(VultusError)} <= set(STATUS)


@pytest.mark.parametrize("kind", [QueueFull, QueueTimeout, NotReady])
def test_try_later_says_when_in_whole_seconds(
    client: TestClient, service: StandInService, monkeypatch: pytest.MonkeyPatch, kind: type[QueueFull]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise kind("busy; ask again", 2.1)

    monkeypatch.setattr(service, "detect", refuse)
    answer = client.post("/detect", files={"img": photo()})
    assert (answer.status_code, answer.json()["error"]) == (503, kind.code)
    assert answer.headers["retry-after"] == "3"


def test_low_quality_names_the_parts_that_failed() -> None:
    problem = describe(LowQuality("the face is below the floor of 20", {"sharpness": 12.4, "size": 8.0}))
    assert problem.detail == "the face is below the floor of 20; parts that failed: sharpness 12, size 8"
    assert describe(LowQuality("too low: size 8", {"size": 8.0})).detail == "too low: size 8"


def test_a_model_that_is_not_installed_is_501_with_its_sentence() -> None:
    problem = describe(ModelNotInstalled("run: vultus models pull x"))
    assert (problem.status, problem.detail) == (501, "run: vultus models pull x")


def test_the_command_is_shown_and_the_folders_of_the_server_are_not() -> None:
    sentence = "x is not here; fetch https://example.com/a/x.h5 to /home/anna/models/x.h5, or run: vultus models pull x"
    assert describe(ModelNotInstalled(sentence)).detail == (
        "x is not here; fetch https://example.com/a/x.h5 to MODEL_DIR/x.h5, or run: vultus models pull x"
    )


def test_a_fault_of_the_server_is_internal_and_its_sentence_stays_in_the_log() -> None:
    problem = describe(StorageFailed("no space left in /srv/data"))
    assert (problem.status, problem.code) == (500, "internal")
    assert "/srv" not in problem.detail


def test_an_internal_error_is_logged_under_its_request_id_without_its_message(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    answer = client.post("/represent", files={"img": photo("crash")})
    (record,) = caplog.records
    assert answer.json()["request_id"] in record.getMessage()
    assert "RuntimeError" in record.getMessage()
    assert "SECRET" not in caplog.text


def test_wrong_method_names_all_methods_of_the_path(client: TestClient) -> None:
    answer = client.post("/collections/c")
    assert answer.headers["allow"] == "DELETE, GET, PATCH, PUT"


def test_401_names_the_scheme(anonymous: TestClient) -> None:
    assert anonymous.get("/keys").headers["www-authenticate"] == "Bearer"


def test_text_that_utf8_cannot_hold_does_not_break_the_answer(client: TestClient) -> None:
    answer = client.post("/verify", content=b'{"\\ud800": 1}')
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_an_answer_of_ours_that_is_malformed_is_our_fault(
    client: TestClient, service: StandInService, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(QUALITY, score="high")  # type: ignore[arg-type]
    monkeypatch.setattr(service, "detect", lambda *_, **__: ((FACE, broken),))
    answer = client.post("/detect", files={"img": photo()})
    assert (answer.status_code, answer.json()["error"]) == (500, "internal")
