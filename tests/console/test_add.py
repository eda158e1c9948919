"""Add people in a real browser: a folder on the real models; how it is sent on a stand-in that answers when told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import pictures
from tests.api.standin import StandInService, StandInSystem, photo
from tests.console.own_page import signed_in_at
from tests.console.watching import scrolls_sideways, serious_findings, wait_for
from tests.served import serving
from tests.waiting import wait_until
from vultus.config import Settings
from vultus.errors import NotReady, RateLimited

pytestmark = pytest.mark.real

FOLDER = "input[webkitdirectory]"
MIB = 1 << 20


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def outcome(page: Any, path: str) -> str:
    said: str = page.locator(".outcome", has_text=path).inner_text()
    return said


def state(page: Any, words: str) -> None:
    page.locator(".state", has_text=words).wait_for()


# --- a team, on the real models -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    astronaut = pictures.variants(pictures.astronaut())
    return written(
        tmp_path_factory.mktemp("photos") / "team",
        {
            "Eileen_Collins/1.png": pictures.astronaut(),
            "Eileen_Collins/2.webp": astronaut["webp"],
            "Eileen_Collins/cup.png": pictures.no_face(),
            "Eileen_Collins/too large.jpg": bytes(11 * MIB),
            "Her Double/1.jpg": astronaut["jpeg quality 40"],
            "山田 <b>/all.jpg": pictures.group(),
            "山田 <b>/.DS_Store": b"x",
            "notes.txt": b"x",
        },
    )


def test_a_folder_is_looked_at_and_then_enrolled_with_an_outcome_for_each_photo(open_console, served, team, keep):
    served.http.put("/collections/team").raise_for_status()
    page = open_console("add")
    page.get_by_label("Collection").select_option("team")
    page.locator(FOLDER).set_input_files(team)
    page.get_by_label("Name for Eileen_Collins").wait_for()
    assert page.locator(".facts dd").all_inner_texts()[:2] == ["3", "5"]
    page.get_by_text("Left out: 3").click()
    left_out = page.locator("details").first.inner_text()
    assert "Not a photo, by its name." in left_out
    assert "It has 11 MB; the server takes photos of up to 10 MB." in left_out
    assert "Hidden" in left_out
    assert served.http.get("/collections/team").json()["faces"] == 0
    page.get_by_label("Name for Her Double").fill("Zoë")
    page.get_by_role("button", name="Enroll these people").click()
    state(page, "Done.")
    assert "Enrolled" in outcome(page, "Eileen_Collins/2.webp")
    assert "No face was found in the photo." in outcome(page, "Eileen_Collins/cup.png")
    assert "also fits another person" in outcome(page, "Her Double/1.jpg")
    assert "several faces" in outcome(page, "all.jpg")
    assert page.get_by_role("tab", name="Refused (2)").count() == 1
    keep(page, "add-done")
    page.get_by_role("tab", name="Enrolled (3)").click()
    keep(page, "add-enrolled")
    page.get_by_role("button", name="Several faces: take the largest (1)").click()
    page.get_by_role("tab", name="Enrolled (4)").wait_for()
    found = served.http.get("/collections/team/subjects").json()["subjects"]
    assert {one["subject"]: (one["name"], one["faces"]) for one in found} == {
        "Eileen_Collins": ("Eileen Collins", 2),
        "Her Double": ("Zoë", 1),
        "山田 <b>": ("山田 <b>", 1),
    }


@pytest.mark.parametrize(
    ("width", "scheme", "locale"), [(320, "dark", "ar"), (1280, "light", "de"), (768, "dark", "ja")]
)
def test_it_reads_well(open_console, team, keep, width, scheme, locale):
    page = open_console("add", width=width, scheme=scheme, locale=locale)
    assert serious_findings(page) == []
    page.locator(FOLDER).set_input_files(team)
    page.locator(".person").first.wait_for()
    page.locator(".page > details > summary").first.click()
    assert serious_findings(page) == []
    assert not scrolls_sideways(page)
    keep(page, f"add-{width}-{scheme}")


def test_a_dropped_folder_is_read_to_its_end(open_console, tmp_path):
    """By the protocol of the browser's tools, as a page cannot make a drop of a folder."""
    team = written(tmp_path / "team", {f"person {i % 3}/{i}.jpg": photo(str(i)) for i in range(250)})
    page = open_console("add")
    box = page.locator(".drop").bounding_box()
    tools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(team)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + 50, "y": box["y"] + 50}
        tools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    page.get_by_label("Name for person 2").wait_for()
    assert page.locator(".facts dd").all_inner_texts()[:2] == ["3", "250"]


# --- how it is sent -----------------------------------------------------------------------------------------------


@dataclass
class GatedService(StandInService):
    """Enrolls one photo for each pass. stops: an error in place of an answer, as of a server that stops."""

    passes: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stops: Exception | None = None
    sent: list[str] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0

    def enroll(self, photos: Any, **options: Any) -> Any:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            wait_until(lambda: self.stops or self.passes.acquire(timeout=0.01), "a pass")
            if self.stops:
                raise self.stops
            self.sent.append(options["subject"])
            return super().enroll(photos, **options)
        finally:
            self.under_way -= 1


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandInSystem:
    monkeypatch.chdir(tmp_path)
    return StandInSystem(Settings(), service=GatedService())


@contextmanager
def signed_in(browser: Any, system: StandInSystem, port: int) -> Iterator[Any]:
    with signed_in_at("add", browser, system, port, "enroll", "read") as page:
        yield page
        system.service.stops = system.service.stops or NotReady("stopping")


def begin(page: Any, folder: Path) -> None:
    page.locator(FOLDER).set_input_files(folder)
    page.get_by_role("button", name="Enroll these people").click()


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return written(
        tmp_path / "flat", {f"{name}_{i}.png": photo(f"{name}{i}") for name in ("anna", "ben") for i in range(4)}
    )


def test_a_server_that_is_started_again_is_waited_for_and_nothing_is_lost(browser, gated, flat):
    service = gated.service
    with ExitStack() as opened:
        with serving(gated) as port:
            page = opened.enter_context(signed_in(browser, gated, port))
            begin(page, flat)
            service.passes.release(3)
            page.get_by_text("3 of 8 photos").wait_for()
            service.stops = NotReady("the service is stopping")
            state(page, "The server is away or starting.")
        service.stops = None
        service.passes.release(10)
        with serving(gated, port):
            state(page, "Done.")
            assert sorted(service.sent) == ["anna"] * 4 + ["ben"] * 4
            assert service.most_at_once == 2


def test_after_a_reload_only_the_others_are_sent(browser, gated, flat):
    service = gated.service
    with serving(gated) as port, signed_in(browser, gated, port) as page:
        begin(page, flat)
        wait_until(lambda: service.under_way == 2, "two requests")
        page.get_by_role("button", name="Pause").click()
        state(page, "Paused.")
        service.passes.release(10)  # what is under way is finished, and no other is sent
        page.get_by_text("2 of 8 photos").wait_for()
        assert len(service.sent) == 2
        page.reload()
        page.get_by_text("2 of 8 photos are done").wait_for()
        assert "anna" not in page.evaluate("JSON.stringify(sessionStorage)")
        begin(page, flat)
        state(page, "Done.")
        assert len(service.sent) == 8
        assert "Done before the page was loaded again" in outcome(page, "anna_0.png")
        assert page.evaluate("Object.keys(sessionStorage).filter((name) => name.includes('add')).length") == 0


def test_a_key_that_is_revoked_stops_it_and_what_was_done_is_kept(browser, gated, flat):
    service = gated.service
    with serving(gated) as port, signed_in(browser, gated, port) as page:
        begin(page, flat)
        service.passes.release(3)
        page.get_by_text("3 of 8 photos").wait_for()
        wait_until(lambda: service.under_way == 2, "two more requests")
        gated.keys.revoke(gated.keys.keys()[-1].id)
        service.passes.release(2)
        page.get_by_text("was revoked").wait_for()
        page.get_by_label("Key").fill(gated.keys.create("Another", ("enroll", "read"))[1])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("5 of 8 photos").wait_for()
        assert "What was enrolled is kept" in page.locator("main").inner_text()
        service.passes.release(10)
        page.get_by_role("button", name="Go on").click()
        state(page, "Done.")
        assert len(service.sent) == 8


def test_a_limit_of_the_key_is_waited_out_and_a_cancelled_import_sends_no_more(browser, gated, flat):
    service = gated.service
    service.stops = RateLimited("too many requests", retry_after_seconds=1)
    with serving(gated) as port, signed_in(browser, gated, port) as page:
        begin(page, flat)
        state(page, "Your key may not send so many photos")
        service.stops = None
        service.passes.release(1)
        page.get_by_text("1 of 8 photos").wait_for()
        page.get_by_role("button", name="Cancel").click()
        state(page, "Cancelled.")
        assert len(service.sent) == 1
        page.get_by_role("button", name="Other photos").click()
        page.locator(".drop").wait_for()


def test_ten_thousand_files_are_listed_a_page_at_a_time(browser, gated):
    """Only the photos that are seen have an address, which is given back when they are not."""
    with serving(gated) as port, signed_in(browser, gated, port) as page:
        page.locator(".drop").wait_for()
        page.evaluate(
            """() => {
              const [made, gone] = [URL.createObjectURL, URL.revokeObjectURL];
              window.held = 0;
              URL.createObjectURL = (blob) => (window.held++, made.call(URL, blob));
              URL.revokeObjectURL = (url) => (window.held--, gone.call(URL, url));
              const data = new DataTransfer();
              for (let i = 0; i < 10000; i++) data.items.add(new File(["x"], `person ${i % 2000}_${i}.png`));
              document.querySelector(".drop").dispatchEvent(
                new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
            }"""
        )
        page.locator(".person").first.wait_for()
        assert page.locator(".facts dd").all_inner_texts()[:2] == ["2,000", "10,000"]
        for _ in range(3):
            assert page.locator(".person").count() == 25
            wait_for(page, "window.held === 75")
            page.get_by_role("button", name="Next").click()
        assert gated.service.most_at_once == 0  # nothing was sent before
        page.get_by_role("button", name="Enroll these people").click()
        page.locator(".outcome").first.wait_for()
        wait_until(lambda: gated.service.under_way == 2, "two requests")
        wait_for(page, "window.held === 25")
        assert page.locator(".outcome").count() == 25
        page.get_by_role("button", name="Cancel").click()
        state(page, "Cancelled.")
