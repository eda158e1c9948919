"""Security headers of answers; nothing about people or the server in headers and logs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInSystem, photo
from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.api.middleware.security_headers import page_policy

PATHS = [
    "/health",
    "/docs",
    "/openapi.json",
    "/collections",
    "/none",
    "/represent",
    "/static-offline-docs/swagger-ui.css",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_forbids_guessing_framing_and_referring(client: TestClient, path: str) -> None:
    for answer in (client.get(path), client.get(path, headers={"x-api-key": "wrong", "x-request-id": "7"})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", PATHS[:-1])
def test_an_answer_is_not_kept_by_anyone_but_the_files_of_the_page_may_be(client: TestClient, path: str) -> None:
    assert client.get(path).headers["cache-control"] == "no-store"
    assert "cache-control" not in client.get(PATHS[-1]).headers


def test_an_answer_about_people_is_no_page(client: TestClient) -> None:
    answer = client.post("/represent", files={"img": photo()})
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_the_policy_of_the_docs_page_lets_its_own_scripts_run_and_no_others(client: TestClient) -> None:
    answer = client.get("/docs")
    scripts = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    allowed = re.search(r"script-src ([^;]*);", answer.headers["content-security-policy"])
    assert allowed is not None
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert allowed[1].split() == ["'self'", *(f"'sha256-{digest}'" for digest in digests)]
    assert len(scripts) == 1
    assert not re.findall(r"\son\w+=", answer.text)  # no handlers in attributes, which no hash covers
    assert answer.headers["content-length"] == str(len(answer.content))


def test_a_page_without_scripts_allows_its_files_only() -> None:
    assert "script-src 'self';" in page_policy(b"<p>hello</p>")


def test_no_origin_is_invited_whatever_it_says(client: TestClient) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:8000"):
        asked = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-api-key",
        }
        for answer in (client.options("/verify", headers=asked), client.get("/collections", headers=asked)):
            assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_key_in_the_address_is_no_key(anonymous: TestClient, key: Callable[..., str], method: str) -> None:
    secret = key("admin")
    for name in ("key", "api_key", "x-api-key", "token", "authorization"):
        answer = anonymous.request(method, f"/keys?{name}={secret}")
        assert (answer.status_code, answer.json()["error"]) == (401, "missing_api_key")
        assert secret not in answer.text
    anonymous.cookies.set("x-api-key", secret)
    assert anonymous.get("/keys").status_code == 401


PATHS_SENT = [
    "{file}",
    "file://{file}",
    "./secret.png",
    "../secret.png",
    "~/secret.png",
    "/proc/self/environ",
    "C:\\secret.png",
]


@pytest.mark.parametrize("text", PATHS_SENT)
def test_no_path_from_a_caller_is_opened(
    client: TestClient, system: StandInSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(photo())
    monkeypatch.chdir(tmp_path)
    sent = text.format(file=secret)
    for request in (
        {"json": {"img": sent}},
        {"files": {"img": (None, sent)}},
        {"files": {"img": (sent, b"not the file")}},  # a file name is a label
    ):
        answer = client.post("/represent", **request)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_image")
    for path in ("/static-offline-docs/../../secret.png", "/static-offline-docs/..%2f..%2fsecret.png", f"/{secret}"):
        assert client.get(path).status_code in (400, 404)


def test_a_subject_is_data_and_never_a_file_name(small: Small, small_client: TestClient) -> None:
    for subject in ("../../evil", "/etc/evil", "evil\\..\\evil", "evil.png", "$(evil)", "'; drop table subjects;--"):
        answer = small_client.post("/enroll", files={"img": drawn_photo(3)}, data={"subject": subject, "name": subject})
        assert answer.status_code == 201, answer.text
    assert len(small_client.get("/collections/default/subjects").json()["subjects"]) == 6
    assert not [path for path in small.folder.rglob("*") if "evil" in path.name]
