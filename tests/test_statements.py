"""What the pages promise exists: each route, setting and command that they name, and the error codes are listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.api.standin import StandInSystem
from tests.documents.pages import PAGES, name_of
from vultus.api.app import create_app
from vultus.api.errors import STATUS
from vultus.cli.command_table import COMMANDS, load
from vultus.config import OF_THE_CLIENT, Settings

ROOT = Path(__file__).parents[1]
PAGE = pytest.mark.parametrize("page", PAGES, ids=name_of)
ROUTE = re.compile(r"`(?:(GET|POST|PUT|PATCH|DELETE) )?(/[a-z][\w/{}.-]*)")
PUBLIC_FILES = {"/docs", "/openapi.json"}
# Named as what is not there, or as places of other programs: each with the page that says so.
ELSEWHERE = {("compatibility.md", "/mcp")}
OF_TESTS = "VULTUS_TEST_"


@pytest.fixture(scope="module")
def routes() -> dict[str, set[str]]:
    """The methods by path, with `{}` for every parameter."""
    app = create_app(StandInSystem(Settings()))
    known = {plain(path): {method.upper() for method in methods} for path, methods in app.openapi()["paths"].items()}
    for route in app.state.routes:  # those of dialects are in no document of ours
        known.setdefault(plain(route.path), set()).update(getattr(route, "methods", None) or ())
    return known


def plain(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def methods_of(path: str, routes: dict[str, set[str]]) -> set[str]:
    """Of a path with parameters, `/faces/{id}`, or with values for them, `/faces/f1`; none for no call."""
    fitting = (re.escape(route).replace(r"\{\}", "[^/]+") for route in routes)
    found = [known for known, route in zip(routes.values(), fitting, strict=True) if re.fullmatch(route, plain(path))]
    return {method for methods in found for method in methods}


@PAGE
def test_every_route_is_there(page, routes):
    named = {(method, path) for method, path in ROUTE.findall(page.read_text("utf-8"))}
    wrong = [
        f"{method} {path}".strip()
        for method, path in named
        if path not in PUBLIC_FILES
        and (page.name, path) not in ELSEWHERE
        and not ({method} if method else methods_of(path, routes)) & methods_of(path, routes)
    ]
    assert sorted(wrong) == []


@PAGE
def test_every_setting_is_there(page):
    named = set(re.findall(r"VULTUS_[A-Z0-9_]+[A-Z0-9]", page.read_text("utf-8")))
    known = {f"VULTUS_{name.upper()}" for name in (*Settings.model_fields, *OF_THE_CLIENT)}
    assert sorted(name for name in named - known if not name.startswith(OF_TESTS)) == []


@PAGE
def test_every_command_and_its_options_are_there(page):
    wrong = []
    for line in re.findall(r"(?:^|`|bin/)vultus ([a-z][^`\n|#]*)", page.read_text("utf-8"), re.MULTILINE):
        words = line.split()
        if words[0] not in COMMANDS:
            wrong.append(line)
            continue
        command = load(words[0])
        inner = getattr(command, "commands", None)
        if inner is not None and len(words) > 1 and re.fullmatch("[a-z]+", words[1]):
            command = inner.get(words[1])
        known = (
            set() if command is None else {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        )
        asked = {word.partition("=")[0].rstrip(",.;:)") for word in words if word.startswith("--")}
        wrong += [line] if command is None or asked - known - {"--help", "--"} else []
    assert wrong == []


def test_the_table_of_errors_lists_each_code_with_its_status():
    page = (ROOT / "docs" / "http-api.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z].*) \| (\d{3})", page.partition("## Errors")[2], re.MULTILINE)
    listed = {
        code: int(status) for codes, status in rows for code in re.findall(r"[a-z_]+", re.sub(r"\([^)]*\)", "", codes))
    }
    internal = {"model_invalid", "storage_failed", "settings_invalid"}  # answered as "internal"
    assert listed == {code: status for code, status in STATUS.items() if code not in internal}
