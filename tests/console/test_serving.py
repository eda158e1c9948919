"""How the console is served: types, caches, policies, behind a prefix, before the system is open, and from /."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInSystem
from vultus.api.app import create_app
from vultus.api.console.static_files import FOLDER, TYPES
from vultus.config import Settings

HTML = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"  # as browsers ask for a page


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandInSystem:
    monkeypatch.chdir(tmp_path)  # no .env of this machine
    return StandInSystem(Settings())


@pytest.fixture
def client(system: StandInSystem) -> Iterator[TestClient]:
    with TestClient(create_app(system), follow_redirects=False) as http:
        yield http


def test_every_file_is_served_without_a_key_and_with_its_type(client: TestClient) -> None:
    paths = [path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.suffix in TYPES]
    for path in sorted(set(paths) - {"index.html"}):
        answer = client.get(f"/console/{path}")
        assert (answer.status_code, answer.content) == (200, (FOLDER / path).read_bytes()), path
        assert answer.headers["content-type"] == TYPES[Path(path).suffix]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/console").content == (FOLDER / "index.html").read_bytes()


@pytest.mark.parametrize("path", ["/console", "/console/app/main.mjs", "/console/languages/ja/common.json"])
def test_a_cache_keeps_a_file_and_asks_whether_it_is_still_the_same(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert client.get(path, headers={"if-none-match": '"of an earlier release"'}).status_code == 200
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


def test_the_page_allows_its_own_files_and_its_import_map_and_nothing_else(client: TestClient) -> None:
    answer = client.get("/console")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    (inline,) = re.findall(r"<script type=\"importmap\">(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "camera=(self)" in answer.headers["permissions-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not re.findall(r"\s(?:on\w+|style)=", answer.text)  # no attribute that the policy would block


def test_the_page_of_the_api_keeps_its_own_policy(client: TestClient) -> None:
    assert "require-trusted-types-for" not in client.get("/docs").headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    ["none.mjs", "index.html", "app", "../pages.py", "..%2Fpages.py", "%2e%2e/static_files.py", "vendor/vendored.toml"],
)
def test_what_is_no_file_of_the_console_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(f"/console/{path}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_it_is_there_before_the_system_is_open(system: StandInSystem) -> None:
    with TestClient(create_app(replace(system, ready=False))) as client:
        assert client.get("/keys/self").status_code == 503
        assert client.get("/console").status_code == client.get("/console/app/main.mjs").status_code == 200


@pytest.mark.parametrize(
    "path", ["/vultus/console", "/console"], ids=["passed on as it came", "taken off by the proxy"]
)
def test_behind_a_prefix_its_links_are_relative_to_its_own_address(system: StandInSystem, path: str) -> None:
    system.settings = system.settings.model_copy(update={"root_path": "/vultus"})
    with TestClient(create_app(system), follow_redirects=False) as client:
        page = client.get(path).text
        links: list[Any] = re.findall(r"(?:href|src)=\"([^\"]+)\"|\"(\./[^\"]+)\"", page)
        assert len(links) > 5
        for first, second in links:
            link = first or second.removeprefix("./")
            assert link.startswith("console/")
            assert client.get(f"/vultus/{link}").status_code == 200
        assert client.get("/vultus/", headers={"accept": HTML}).headers["location"] == "/vultus/console"
        assert client.get("/vultus/console/").headers["location"] == "../console"


def test_browsers_are_led_to_the_console_and_programs_to_the_page_of_the_api(client: TestClient) -> None:
    for accept, location in ((HTML, "console"), ("*/*", "docs"), ("application/json", "docs")):
        answer = client.get("/", headers={"accept": accept})
        assert (answer.status_code, answer.headers["location"]) == (307, location)
        assert answer.headers["vary"] == "Accept"
