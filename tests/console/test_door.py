"""The door in a real browser, whose webcam sees the astronaut; how it waits, on a stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import pictures
from tests.api.standin import StandInService, StandInSystem
from tests.console.own_page import signed_in_at
from tests.console.watching import scrolls_sideways, serious_findings, wait_for
from tests.served import serving
from vultus.config import Settings
from vultus.errors import NotReady, RateLimited

pytestmark = pytest.mark.real

MARKUP = "<img src=x onerror=alert(1)> עדה Ада 山田"
NO_CAMERA = """() => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotFoundError") };
}"""
HIDE = """() => {
  Object.defineProperty(document, "hidden", { configurable: true, value: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def start(page: Any) -> None:
    page.get_by_role("button", name="Start the camera").click()


def test_who_stands_before_the_camera_is_named_and_nothing_is_stored(open_console, served, keep):
    """With the key of the tutorial, which may only search."""
    before = served.http.get("/collections/default").json()
    page = open_console("door", key=served.new_key("find"))
    under_way: list[int] = [0]
    page.on("request", lambda one: under_way.append(under_way[-1] + one.url.endswith("/find")))
    page.on("requestfinished", lambda one: under_way.append(under_way[-1] - one.url.endswith("/find")))
    start(page)
    page.locator(".sign.match .sign-word", has_text="Anna").wait_for()
    seen = page.locator(".sign time").get_attribute("datetime")
    wait_for(page, "(seen) => document.querySelector('.sign time')?.dateTime !== seen", seen)
    assert max(under_way) == 1
    keep(page, "door-match")
    assert page.get_by_label("Camera", exact=True).locator("option").count() >= 2
    page.get_by_role("button", name="Full screen").click()
    wait_for(page, "document.fullscreenElement?.className === 'door'")
    page.evaluate("document.exitFullscreen()")
    page.get_by_role("button", name="Stop").click()
    page.locator("video").wait_for(state="detached")
    assert served.http.get("/collections/default").json() == before


def test_a_stranger_is_unknown_and_the_liveness_is_asked_for_where_there_is_its_model(open_console, served, keep):
    served.enroll(pictures.portrait(), subject="ben", name="Ben", collection="strangers")
    page = open_console("door")
    page.get_by_label("Collection").select_option("strangers")
    start(page)
    page.locator(".sign.unknown .sign-word", has_text="Unknown").wait_for()
    keep(page, "door-unknown")
    installed = served.http.get("/capabilities").json()["liveness"]["installed"]
    live = page.get_by_label("Check that it is a live face")
    assert live.count() == int(installed)
    if installed:
        live.check()
        for _ in range(2):  # the first may have been asked for before
            with page.expect_response("**/find") as answer:
                pass
        assert answer.value.json()["faces"][0]["liveness"]["model_id"]


def test_a_caution_stands_under_the_name_which_is_text(open_console):
    def cautioned(route: Any) -> None:
        answer = route.fetch()
        found = answer.json()
        for face in found.get("faces", []):  # a frame may also be refused: too blurred, or while the server is busy
            face["cautions"] = [{"code": "looks_like_a_child", "detail": "it looks like a child"}]
            face["matches"][0]["name"] = MARKUP
        route.fulfill(response=answer, json=found)

    page = open_console("door")
    page.route("**/find", cautioned)
    start(page)
    page.locator(".sign.match .sign-more", has_text="This looks like a small child.").wait_for()
    assert page.locator(".sign-word").inner_text() == MARKUP
    page.unroute_all(behavior="wait")


def test_it_stops_when_the_tab_is_hidden_and_says_so(open_console):
    page = open_console("door")
    start(page)
    page.locator(".sign.match").wait_for()
    page.evaluate(HIDE)
    page.get_by_role("alert").filter(has_text="The camera was stopped because this tab was hidden.").wait_for()
    assert page.locator("video").count() == 0


def test_a_camera_that_is_denied_or_missing_is_told_with_the_way_out_and_works_once_it_is_allowed(open_console, keep):
    page = open_console("door", camera=False)
    start(page)
    said = page.get_by_role("alert").filter(has_text="may not use the webcam here")
    said.filter(has_text="Allow it in the settings of the browser for this page, then try again.").wait_for()
    keep(page, "door-denied")
    page.evaluate(NO_CAMERA)
    start(page)
    page.get_by_role("alert").filter(has_text="There is no webcam on this device.").wait_for()
    page.evaluate("() => { delete navigator.mediaDevices.getUserMedia }")
    page.context.grant_permissions(["camera"])
    start(page)
    page.locator(".sign.match").wait_for()
    assert page.get_by_role("alert").count() == 0


def test_on_plain_http_from_another_host_it_says_why_there_is_no_camera_and_what_to_do(open_console, served):
    page = open_console("door", url=served.url.replace("127.0.0.1", "faces.example"))
    start(page)
    said = page.get_by_role("alert").filter(has_text="This page came from faces.example")
    said.get_by_role("link", name="a reverse proxy").click()
    wait_for(page, "document.activeElement.textContent === 'Webcam and https'")


@pytest.mark.parametrize(
    ("width", "scheme", "locale"), [(320, "dark", "ar"), (1280, "light", "de"), (768, "dark", "ja")]
)
def test_it_reads_well(open_console, keep, width, scheme, locale):
    page = open_console("door", width=width, scheme=scheme, locale=locale)
    assert serious_findings(page) == []
    page.locator(".page .button.primary").click()
    page.locator(".sign.match").wait_for()
    assert serious_findings(page) == []
    assert not scrolls_sideways(page)
    keep(page, f"door-{width}-{scheme}")


@dataclass
class MoodyService(StandInService):
    """Answers searches, or fails as it is told to."""

    fails: Exception | None = None

    def find(self, photo: bytes, **options: Any) -> Any:
        if self.fails:
            raise self.fails
        return super().find(photo, **options)


def test_a_limit_and_a_server_that_is_away_are_waited_out_and_no_name_stands_there_meanwhile(
    browser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    system = StandInSystem(Settings(), service=MoodyService())
    system.service.create_collection("default")
    with serving(system) as port, signed_in_at("door", browser, system, port, "find") as page:
        start(page)
        page.locator(".sign.match", has_text="Anna").wait_for()
        for fault, sentence in (
            (RateLimited("too many requests"), "The key has used up its requests"),
            (NotReady("stopping"), "The server is away or starting."),
        ):
            system.service.fails = fault
            page.locator(".sign.waits", has_text=sentence).wait_for()
            assert "Anna" not in page.locator(".sign").inner_text()
            system.service.fails = None
            page.locator(".sign.match", has_text="Anna").wait_for()
        system.keys.revoke(system.keys.keys()[-1].id)
        page.get_by_text("was revoked").wait_for()
