"""The console in a real browser: one server with people enrolled, one browser with a webcam, for all tests.

    def test_a_page(open_console):
        page = open_console("who", width=320, scheme="dark")

A page that breaks its content security policy, writes an error to the console or asks another host fails its test.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright import sync_api as playwright

from tests import pictures
from tests.console.own_page import browser_limit
from tests.console.watching import Watch
from tests.served import serving
from tests.waiting import patient
from vultus.config import Settings
from vultus.records.stored import SCOPES
from vultus.wiring.open_system import open_system

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP faces.example 127.0.0.1"),
)
SCREENSHOTS = Path(__file__).parents[2] / "build" / "console"  # ignored by git
OpenConsole = Callable[..., Any]


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The browser of the system, whose webcam sees the astronaut."""
    executable = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"there is no browser here: none of {', '.join(BROWSERS)}")
    video = tmp_path_factory.mktemp("webcam") / "astronaut.mjpeg"
    video.write_bytes(pictures.encoded(pictures.opened(pictures.astronaut()), "JPEG", quality=90))
    with playwright.sync_playwright() as play:
        started = play.chromium.launch(
            executable_path=executable,
            args=[*QUIET, "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}"],
        )
        yield started
        started.close()


class Served:
    """A server of the real system. url; system: to look at; key: of an admin."""

    def __init__(self, url: str, system: Any) -> None:
        self.url, self.system = url, system
        self.key = self.new_key(*SCOPES)
        self.http = httpx.Client(base_url=url, headers={"x-api-key": self.key}, timeout=patient())

    def new_key(self, *scopes: Any, **limits: Any) -> str:
        """The secret of a key with these scopes."""
        secret: str = self.system.keys.create("Front desk", scopes, **limits)[1]
        return secret

    def enroll(self, photo: bytes, **fields: str) -> dict[str, Any]:
        answer = self.http.post("/enroll", files={"img": photo}, data=fields)
        assert answer.status_code in (200, 201), answer.text
        enrolled: dict[str, Any] = answer.json()
        return enrolled


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Served]:
    """In the collection `default`: Anna, who is the astronaut, and Ben. In `twins`: the astronaut under two ids."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("console"), model_dir=model_dir)
    with open_system(settings) as system, serving(system) as port:
        served = Served(f"http://127.0.0.1:{port}", system)
        served.enroll(pictures.astronaut(), subject="anna", name="Anna")
        served.enroll(pictures.portrait(), subject="ben", name="Ben")
        for subject in ("maria", "eva"):
            served.enroll(pictures.astronaut(), subject=subject, name=subject.title(), collection="twins")
        yield served
        served.http.close()


@pytest.fixture
def open_console(served: Served, browser: Any) -> Iterator[OpenConsole]:
    """Opens a page of the console, signed in by a link. At the end of the test, none of them may have broken a rule."""
    watches: list[tuple[Any, Watch]] = []

    def open_page(
        name: str = "",
        *,
        key: str | None = served.key,
        url: str = served.url,
        width: int = 1280,
        scheme: str = "light",
        locale: str = "en-US",
        camera: bool = True,
    ) -> Any:
        """name: of the page. key: None: not signed in. url: of the server. camera: whether the page may use it."""
        look: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "locale": locale}
        context = browser.new_context(**look, permissions=["camera"] if camera else [])
        context.set_default_timeout(browser_limit())
        watch = Watch(context, url)
        watches.append((context, watch))
        page = context.new_page()
        page.goto(f"{url}/console" + (f"#key={key}" if key else ""))
        if key:
            page.locator(".bar").wait_for()
        if name:
            page.goto(f"{url}/console#/{name}")
        page.locator("h1").wait_for()
        return page

    yield open_page
    for context, _ in watches:
        context.close()
    assert [fault for _, watch in watches for fault in watch.faults] == []


@pytest.fixture(scope="session")
def keep() -> Callable[[Any, str], None]:
    """Keeps a picture of a whole page for people to look at, in build/console/NAME.png."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Any, name: str) -> None:
        assert re.fullmatch(r"[\w-]+", name)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, animations="disabled")

    return take


def photo_file(photo: bytes, name: str = "photo.png", kind: str = "image/png") -> dict[str, Any]:
    """A photo as Playwright gives it to a field for files."""
    return {"name": name, "mimeType": kind, "buffer": photo}
