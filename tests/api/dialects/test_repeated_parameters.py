"""A parameter of the query that is sent twice is refused: the last one would change what a call means."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.records.stored import SCOPES
from vultus.wiring.parts import System

CALLS = [
    ("DELETE", "/api/v1/recognition/faces?subject=ada&subject=", 0),
    ("DELETE", "/api/v1/recognition/subjects?a=1&a=2", 0),
    ("GET", "/api/v1/recognition/faces?page=0&page=1", 0),
    ("DELETE", "/deepface/faces?img_name=ada&img_name=ben", None),
    ("GET", "/deepface/faces?limit=1&limit=2", None),
]


@pytest.fixture(scope="module")
def secret(shared: System) -> str:
    return shared.keys.create("people", SCOPES[:6], collections=["people"])[1]


@pytest.mark.parametrize(("method", "path", "code"), CALLS)
def test_nothing_is_done(
    http: TestClient, secret: str, nobody: None, shared_small: Small, method: str, path: str, code: Any
) -> None:
    service = shared_small.service
    for number, subject in enumerate(("ada", "ben")):
        service.enrolment.enroll([drawn_photo(number + 1)], collection="people", subject=subject)
    headers = {"x-api-key": secret, "authorization": f"Bearer {secret}"}
    answer = http.request(method, path, headers=headers)
    assert answer.status_code == 400
    body = answer.json()
    assert "is sent twice" in (body["error"] if code is None else body["message"])
    assert body.get("code") == code
    assert service.galleries.collection("people").faces == 2
