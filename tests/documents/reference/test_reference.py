"""Pages that are made from the code are current, cover every call, and their examples do what they say."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.pages import DOCS
from tests.documents.reference.examples import PAGES
from tests.documents.reference.http_pages import CUT, curl, javascript, page_of, route_of
from tests.documents.reference.javascript_runner import javascript_runner
from tests.documents.reference.models_page import MEGABYTES
from tests.documents.reference.pages import calls_of, document_of, still_pages
from tests.documents.reference.recording import Kept, Recorded, Served, served, write_photos
from tests.documents.reference.shortened import shape
from vultus.config import Settings
from vultus_client import Client

pytestmark = pytest.mark.real
NAMES = [page.name for page in PAGES]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("data")) as one:
        yield one


@pytest.fixture(scope="module")
def document(server):
    return document_of(server)


@pytest.fixture(scope="module")
def calls(server, photos) -> dict[str, list[Recorded]]:
    return calls_of(server, photos)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_of_calls_is_current(page, calls, document):
    """To write them again: python -m tests.documents.reference."""
    written = (DOCS / "reference" / f"{page.name}.md").read_text("utf-8")
    assert shape(written) == shape(page_of(page, calls[page.name], document))


@pytest.mark.parametrize("name", still_pages())
def test_a_page_without_calls_is_current(name):
    """To write them again: python -m tests.documents.reference."""
    assert (DOCS / "reference" / f"{name}.md").read_text("utf-8") == still_pages()[name]


def test_every_call_has_an_example(calls, document):
    """A new call: a line in tests/documents/reference/examples.py."""
    known = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    shown = {(call.method, route_of(call, document)) for page in calls.values() for call in page}
    assert sorted(known - shown) == []


def test_the_sizes_of_models_are_those_of_their_files():
    folder = Settings().model_dir
    files = {"sface": "sface-2021dec.onnx", "yunet": "yunet-2023mar.onnx"}
    found = {name: round((folder / file).stat().st_size / 1e6, 1) for name, file in files.items()}
    assert found == {name: MEGABYTES[name] for name in files}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_lines_for_curl_are_answered_as_the_pages_say(calls, server, photos):
    environment = {**os.environ, **variables(server)}

    def run(line: str) -> tuple[int, bytes]:
        command = f"{line} --silent --write-out '\\n%{{http_code}}'"
        done = subprocess.run(["sh", "-c", command], cwd=photos, env=environment, check=True, capture_output=True)
        answer, _, status = done.stdout.rpartition(b"\n")
        return int(status), answer

    assert differing(calls, server, photos, curl, run) == []


def test_the_lines_in_javascript_are_answered_as_the_pages_say(calls, server, photos):
    with javascript_runner(photos, variables(server)) as runner:

        def run(code: str) -> tuple[int, bytes]:
            status, answer = runner.run(code)
            return status, json.dumps(answer).encode()

        assert differing(calls, server, photos, javascript, run) == []


def variables(server: Served) -> dict[str, str]:
    return {"VULTUS_URL": server.url, "VULTUS_KEY": server.key}


def differing(calls, server, photos, written, run) -> list[str]:
    """The examples that another status answers than is on the page; `written` makes one, `run` runs it."""
    server.emptied()
    kept, wrong = Kept(), []
    for call in (call for page in calls.values() for call in page):
        prepare(call, server, photos, kept)
        text = kept.filled(written(call))
        if CUT in text:  # cut for the page: by the client instead
            with Client(server.url, server.key) as vultus, contextlib.chdir(photos):
                exec(kept.filled(call.example.python), {"vultus": vultus})
            continue
        status, answer = run(text)
        if status != call.status:
            wrong.append(f"{text}: {status}, not {call.status}")
        kept.keep(call.example, answer)
    return wrong


def prepare(call: Recorded, server: Served, photos: Path, kept: Kept) -> None:
    """What the example does before the call that is shown."""
    if call.example.runs_jobs:
        server.run_jobs()
    *before, _ = call.example.python.splitlines()
    if before and CUT not in curl(call):
        with Client(server.url, server.key) as vultus, contextlib.chdir(photos):
            exec(kept.filled("\n".join(before)), {"vultus": vultus})
