"""Who is this? in a real browser, on the real models."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from tests import pictures
from tests.console.conftest import photo_file
from tests.console.watching import check_every_look, serious_findings, wait_for
from tests.heic import heic

pytestmark = pytest.mark.real

FILE = ".drop input[type=file]"


def search(page, photo: bytes) -> None:
    page.locator(FILE).set_input_files(photo_file(photo))
    page.locator(".verdict").wait_for()


def verdict(page) -> str:
    return page.locator(".verdict h2").inner_text()


def test_a_person_is_named_with_the_error_rate_in_words(open_console, keep):
    page = open_console("who")
    search(page, pictures.variants(pictures.astronaut())["mirror"])
    assert verdict(page) == "This is Anna"
    assert "A stranger is named in about 1 of 100 searches of this gallery." in page.locator(".verdict").inner_text()
    first = page.locator(".candidate").first
    assert first.locator(".tag").inner_text() == "like enough"
    first.locator(".pair img").nth(1).wait_for()
    assert page.locator(".photo svg .chosen rect").count() == 2
    assert page.locator(".photo svg .chosen circle").count() >= 2
    assert page.locator(".candidate .tag").all_inner_texts() == ["like enough", "not like enough"]
    keep(page, "who-match")


def test_each_face_of_a_group_has_a_tab_and_can_be_enrolled(open_console, served, keep):
    page = open_console("who")
    search(page, pictures.group())
    tabs = page.get_by_role("tab")
    assert tabs.count() == 6
    assert verdict(page) == "Nobody we know"
    keep(page, "who-group")
    tabs.nth(1).click()
    page.get_by_role("button", name="Enroll this face as").click()
    page.get_by_label("Name").fill("Chandra <b>O'Neil</b> 山田")
    page.get_by_role("button", name="Enroll a new person").click()
    page.get_by_role("status").filter(has_text="Chandra <b>O'Neil</b> 山田").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    page.locator(".verdict h2", has_text="Chandra").wait_for()
    assert verdict(page) == "This is Chandra <b>O'Neil</b> 山田"
    (made,) = served.http.get("/collections/default/subjects", params={"q": "Chandra"}).json()["subjects"]
    served.http.delete(f"/collections/default/subjects/{made['subject']}").raise_for_status()


def test_a_photo_is_added_to_a_person_who_is_found_by_name(open_console, served):
    page = open_console("who")
    search(page, pictures.variants(pictures.astronaut())["darker"])
    page.get_by_role("button", name="Enroll this face as").click()
    page.get_by_label("Name").fill("ann")
    page.get_by_role("radio", name="Anna").check()
    page.get_by_role("button", name="Add the photo to Anna").click()
    page.get_by_role("dialog", name="Enrolled").wait_for()
    assert served.http.get("/collections/default/subjects/anna").json()["faces"] == 2


def test_two_candidates_are_left_to_the_person_who_looks(open_console, keep):
    page = open_console("who")
    page.get_by_label("Collection").select_option("twins")
    search(page, pictures.astronaut())
    assert sorted(verdict(page).partition(" \N{EN DASH} ")[0].split(" or ")) == ["Eva", "Maria"]
    assert page.locator(".verdict").get_attribute("class") == "verdict ambiguous"
    keep(page, "who-two")


def test_a_photo_without_a_face_cannot_be_judged_and_the_page_says_why(open_console, keep):
    page = open_console("who")
    search(page, pictures.no_face())
    assert verdict(page) == "Cannot be judged"
    assert "No face was found in the photo." in page.locator(".verdict").inner_text()
    keep(page, "who-no-face")


def test_a_file_that_is_no_photo_is_refused_in_words(open_console):
    page = open_console("who")
    page.locator(FILE).set_input_files(photo_file(b"%PDF-1.7 no photo", "scan.pdf", "application/pdf"))
    assert "That is not a photo that can be read." in page.get_by_role("alert").inner_text()


def test_a_format_that_the_browser_cannot_show_is_sent_as_it_is(open_console):
    pixels = np.asarray(pictures.opened(pictures.astronaut()).resize((256, 256)))
    page = open_console("who")
    page.locator(FILE).set_input_files(photo_file(heic(pixels), "phone.heic", ""))
    page.locator(".verdict h2", has_text="This is Anna").wait_for()
    assert "This browser cannot show phone.heic." in page.locator(".photo-hidden").inner_text()


def test_a_photo_over_the_limit_is_said_to_be_too_large(open_console):
    page = open_console("who")
    page.locator(FILE).set_input_files(photo_file(pictures.astronaut() + bytes(13 * 2**20)))
    assert "The photo is too large." in page.get_by_role("alert").inner_text()


def test_what_a_server_that_is_away_did_not_answer_is_asked_again(open_console):
    page = open_console("who")
    page.route("**/find", lambda route: route.abort())
    page.locator(FILE).set_input_files(photo_file(pictures.astronaut()))
    assert "The server cannot be reached." in page.get_by_role("alert").inner_text()
    page.unroute("**/find")
    page.get_by_role("button", name="Try again").click()
    page.locator(".verdict h2", has_text="This is Anna").wait_for()


def test_somebody_else_shows_the_enrolled_face_and_changes_nothing(open_console, served):
    before = served.http.get("/collections/default").json()["faces"]
    page = open_console("who")
    search(page, pictures.astronaut())
    page.get_by_role("button", name="This is somebody else").click()
    dialog = page.get_by_role("dialog", name="Somebody else?")
    assert "Nothing was changed or deleted." in dialog.inner_text()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert served.http.get("/collections/default").json()["faces"] == before


def test_the_webcam_takes_a_photo(open_console, keep):
    page = open_console("who")
    page.get_by_role("button", name="Webcam").click()
    take = page.get_by_role("button", name="Take the photo")
    take.wait_for()
    keep(page, "webcam")
    take.click()
    page.locator(".verdict").wait_for()
    assert verdict(page) == "This is Anna"


def test_on_plain_http_from_another_host_the_webcam_says_why_it_is_not_there(open_console, served):
    page = open_console("who", url=served.url.replace("127.0.0.1", "faces.example"))
    page.get_by_role("button", name="Webcam").click()
    said = page.get_by_role("dialog").get_by_role("alert").filter(has_text="This page came from faces.example")
    said.get_by_role("link", name="a reverse proxy").click()
    wait_for(page, "document.activeElement.textContent === 'Webcam and https'")


def test_a_webcam_that_is_denied_is_told_with_the_way_out_and_works_once_it_is_allowed(open_console, keep):
    page = open_console("who", camera=False)
    page.get_by_role("button", name="Webcam").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("alert").filter(has_text="Allow it in the settings of the browser").wait_for()
    assert dialog.get_by_role("button", name="Take the photo").count() == 0
    keep(page, "who-denied")
    dialog.get_by_role("button", name="Cancel").click()
    page.context.grant_permissions(["camera"])
    page.get_by_role("button", name="Webcam").click()
    page.get_by_role("button", name="Take the photo").and_(page.locator(":enabled")).wait_for()


def test_a_pasted_and_a_dropped_photo_are_searched(open_console):
    page = open_console("who")
    for event in ("paste", "drop"):
        page.evaluate(
            """async ([event, photo]) => {
              const bytes = Uint8Array.from(atob(photo), (one) => one.charCodeAt(0));
              const data = new DataTransfer();
              data.items.add(new File([bytes], "photo.png", {type: "image/png"}));
              const target = event === "drop" ? document.querySelector(".drop") : document.body;
              target.dispatchEvent(event === "drop"
                ? new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true})
                : new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
            }""",
            [event, base64_of(pictures.astronaut() if event == "paste" else pictures.portrait())],
        )
        page.locator(".verdict h2", has_text="Anna" if event == "paste" else "Ben").wait_for()


def base64_of(photo: bytes) -> str:
    return base64.b64encode(photo).decode()


def test_by_the_keyboard_alone(open_console):
    page = open_console("who")
    page.locator("h1").wait_for()
    with page.expect_file_chooser() as chooser:
        tab_to(page, ".drop input[type=file]")
        page.keyboard.press("Enter")
    chooser.value.set_files(photo_file(pictures.group()))
    page.locator(".verdict").wait_for()
    tab_to(page, "[role=tab][aria-selected=true]")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id.endsWith('-1')")
    page.keyboard.press("End")
    assert page.locator("[role=tab]").nth(5).get_attribute("aria-selected") == "true"
    tab_to(page, "button:has-text('Enroll this face as')")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert "Enroll this face as" in page.evaluate("document.activeElement.textContent")


def tab_to(page, selector: str, most: int = 40) -> None:
    """Presses Tab until the element has the focus, which must then be seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.locator(selector).first.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not come to {selector}")


def test_it_reads_well_at_every_width_in_both_themes(open_console, keep):
    page = open_console("who")
    assert serious_findings(page) == []
    search(page, pictures.group())
    page.locator(".candidate .pair img").nth(1).wait_for()
    check_every_look(page, keep, "who")
    page.get_by_role("button", name="Enroll this face as").click()
    page.get_by_label("Name").fill("an")
    page.get_by_role("radio", name="Anna").wait_for()
    check_every_look(page, keep, "enroll")
