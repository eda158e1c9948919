"""The site of the documents below the console: its files, its policy, in a browser, and where none is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import StandInSystem
from tests.documents.test_built_site import is_built
from vultus.api.app import create_app
from vultus.config import Settings

INLINE = "document.title = 1"
DIGEST = "sha256-Q36D6Uk7W0215wajbK9dq3X/PIE9glH7LT4XQYrvSeY="
FILES = {
    "index.html": f"<!DOCTYPE html><script>{INLINE}</script>Documents",
    "how-to/backup.html": "Backup",
    "_static/theme.css": "body {}",
    "searchindex.js": "Search.setIndex({})",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    (folder / "folder.html").mkdir()
    (tmp_path / "secret.html").write_text("secret", "utf-8")
    return folder


def client(folder: Path, **settings: Any) -> TestClient:
    system = StandInSystem(Settings(documents_dir=folder, **settings))
    return TestClient(create_app(system), follow_redirects=False)


def test_its_pages_and_files_are_served_without_a_key(site: Path) -> None:
    with client(site) as http:
        assert http.get("/console/documents").headers["location"] == "documents/index.html"
        for name, text in FILES.items():
            assert http.get(f"/console/documents/{name}").text == text
        assert http.get("/console/documents/_static/theme.css").headers["content-type"].startswith("text/css")
        assert http.head("/console/documents/index.html").status_code == 200


def test_a_page_may_run_its_own_scripts_and_search_and_nothing_of_others(site: Path) -> None:
    with client(site) as http:
        answer = http.get("/console/documents/index.html")
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
        assert policy["script-src"] == f"'self' '{DIGEST}'"
        assert (policy["default-src"], policy["connect-src"], policy["form-action"]) == ("'none'", "'self'", "'self'")
        assert answer.headers["cache-control"] == "no-store"
        assert "form-action 'none'" in http.get("/console").headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        *("none.html", "none.js", "how-to", "../secret.html", "..%2Fsecret.html", "/etc/passwd"),
        *("%00.html", "%00.js", f"{'x' * 300}.html", f"{'x' * 300}.js", "folder.html", "index.html/index.html"),
    ],
    ids=lambda path: path[:20],
)
def test_what_is_no_file_of_the_site_is_not_found(site: Path, path: str) -> None:
    with client(site) as http:
        answer = http.get(f"/console/documents/{path}")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_where_none_is_built_the_page_says_how_and_it_is_there_once_it_is(tmp_path: Path) -> None:
    with client(tmp_path / "site") as http:
        answer = http.get("/console/documents")
        assert answer.status_code == 404
        assert "make docs" in answer.text
        assert http.get("/console/documents/index.html").status_code == 404
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "index.html").write_text("Documents", "utf-8")
        assert http.get("/console/documents").status_code == 307


@pytest.mark.real
@pytest.mark.skipif(not is_built(), reason="the site is not built of these pages; make docs builds it")
def test_help_leads_to_the_documents_which_can_be_searched(open_console: Any) -> None:
    """With all that the built pages need, by the policy that they are served with."""
    page = open_console("help")
    page.get_by_role("link", name="console/documents").click()
    page.get_by_role("heading", name="Vultus", exact=False).first.wait_for()
    page.get_by_placeholder("Search").first.fill("backup")
    page.keyboard.press("Enter")
    page.locator("ul.search li a").first.click()
    page.locator("h1").first.wait_for()
    assert "/console/documents/" in page.url
