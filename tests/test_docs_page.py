"""The page at /docs in a real browser: authorise, then execute each form, to which only photos are added, and JSON."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright import sync_api as playwright

from tests import served
from tests.server_process import address_and_key, serving
from tests.waiting import patient
from vultus.api.examples import EXAMPLE_PHOTO
from vultus.config import Settings
from vultus.records.stored import SCOPES
from vultus.wiring.open_system import open_system

pytestmark = pytest.mark.real

FORM, JSON = "multipart/form-data", "application/json"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CALLS = ("/enroll", "/verify", "/find", "/represent", "/detect", "/compare")
PHOTO = {"name": "face.jpg", "mimeType": "image/jpeg", "buffer": base64.b64decode(EXAMPLE_PHOTO)}
PREFIX = "/vultus"
PHOTOS_OF = {"/verify": 2}  # of the three that it shows: img1 and img2
LIGHT = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
OpenPage = Callable[[str, str], Any]


@pytest.fixture(scope="module")
def open_page() -> Iterator[OpenPage]:
    """Opens the page of a server in a new tab, authorised with a key."""
    executable = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"there is no browser here: none of {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=executable, args=LIGHT)

        def opened_page(url: str, key: str) -> Any:
            page = browser.new_page(viewport={"width": 1280, "height": 1600})
            page.set_default_timeout(1000 * patient())
            page.goto(f"{url}/docs")
            authorise(page, key)
            return page

        yield opened_page
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[tuple[str, str]]:
    """The address and the admin key of a new server."""
    with serving(tmp_path_factory.mktemp("page"), model_dir) as process:
        yield address_and_key(process)


@pytest.fixture(scope="module")
def page(open_page: OpenPage, server: tuple[str, str]) -> Any:
    return open_page(*server)


@pytest.fixture(scope="module")
def page_without_forms(open_page: OpenPage, server: tuple[str, str]) -> Any:
    """On which no form is opened."""
    return open_page(*server)


@pytest.fixture
def page_behind_a_prefix(open_page: OpenPage, tmp_path: Path, model_dir: Path) -> Iterator[Any]:
    """As a reverse proxy shows it that hands the prefix on."""
    settings = Settings(data_dir=tmp_path / "data", model_dir=model_dir, root_path=PREFIX)
    with open_system(settings) as system, served.serving(system) as port:
        yield open_page(f"http://127.0.0.1:{port}{PREFIX}", system.keys.create("Page", SCOPES)[1])


def authorise(page: Any, key: str) -> None:
    page.locator(".auth-wrapper .btn.authorize").click()
    page.locator(".auth-container").filter(has_text="bearer").locator("input").first.fill(key)
    page.locator(".auth-container").filter(has_text="bearer").locator("button.authorize").first.click()
    page.locator("button.btn-done").first.click()


@pytest.mark.parametrize("path", CALLS)
def test_every_form_is_answered_when_it_is_executed_untouched(page, path):
    block = opened(page, path)
    attach_photos(block, path)
    assert execute(page, block, path)[0] == "2"


def test_a_form_is_answered_behind_a_prefix(page_behind_a_prefix):
    """A prefix changes where the page sends its calls; what it sends is the same."""
    block = opened(page_behind_a_prefix, "/verify")
    attach_photos(block, "/verify")
    assert execute(page_behind_a_prefix, block, "/verify")[0] == "2"


@pytest.mark.parametrize("path", ["/enroll", "/compare"])  # fields alone, and a list of photos
def test_the_json_example_takes_the_place_of_a_form(page, path):
    block = opened(page, path)
    choose(block, FORM)
    attach_photos(block, path)
    choose(block, JSON)
    assert execute(page, block, path)[0] == "2"


@pytest.mark.parametrize("path", CALLS)
def test_every_json_example_is_answered_when_it_is_executed_untouched(page_without_forms, path):
    block = unfolded(page_without_forms, path)
    choose(block, JSON)
    opened(page_without_forms, path)
    assert execute(page_without_forms, block, path)[0] == "2"


def choose(block: Any, media_type: str) -> None:
    block.locator(".opblock-section-request-body select.content-type").select_option(media_type)


def unfolded(page: Any, path: str) -> Any:
    """The block of a call, to read."""
    block = page.locator(f'.opblock-post:has(.opblock-summary-path[data-path="{path}"])')
    if "is-open" not in (block.get_attribute("class") or ""):
        block.locator(".opblock-summary-control").click()
    return block


def opened(page: Any, path: str) -> Any:
    """The block of a call with its fields as the page fills them in."""
    block = unfolded(page, path)
    again = block.locator(".try-out__btn.reset")
    if again.count():
        again.click()
    else:
        block.locator(".try-out__btn").first.click()
    return block


def attach_photos(block: Any, path: str) -> None:
    if block.locator("input[type=file]").count() == 0:  # a list of photos, empty at first
        block.locator(".json-schema-form-item-add").first.click()
    for i in range(PHOTOS_OF.get(path, 1)):
        block.locator("input[type=file]").nth(i).set_input_files(PHOTO)


def execute(page: Any, block: Any, path: str) -> str:
    """The status that the page shows. With VULTUS_TEST_SCREENSHOTS, a picture of it is left in that folder."""
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith(path)):
        block.locator("button.execute").click()
    status = block.locator(".live-responses-table .response-col_status").last
    status.wait_for()
    shown = str(status.inner_text())
    if folder := os.environ.get("VULTUS_TEST_SCREENSHOTS"):
        prefix = "prefix" if f"{PREFIX}/" in page.url else "root"
        body = block.locator(".opblock-section-request-body select.content-type").input_value().rpartition("/")[2]
        block.screenshot(path=f"{folder}/{prefix}-{path[1:]}-{body}.png")
    block.locator(".opblock-summary-control").click()  # folded: the page draws all that is open at each change
    return shown
