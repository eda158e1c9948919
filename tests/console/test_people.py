"""People in a real browser: the grid, the page of a person, corrections and undo, and an erasure in two windows."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests import pictures
from tests.console.conftest import OpenConsole, Served, photo_file
from tests.console.watching import check_every_look, serious_findings

pytestmark = pytest.mark.real

STAFF = "staff"
MARKUP = '<b onclick="alert(1)">Ada</b> & علي'


@pytest.fixture
def staff(served: Served) -> Iterator[Served]:
    """A collection of its own: Ada twice (the astronaut, a mirrored one), whose name has markup, and Ben."""
    looks = pictures.variants(pictures.astronaut())
    served.enroll(pictures.astronaut(), subject="ada", name=MARKUP, metadata='{"desk": 12}', collection=STAFF)
    served.enroll(looks["mirror"], subject="ada", collection=STAFF)
    served.enroll(pictures.portrait(), subject="ben", name="Ben", collection=STAFF)
    yield served
    served.http.delete(f"/collections/{STAFF}").raise_for_status()


def opened(open_console: OpenConsole, person: str = "", **options: Any) -> Any:
    """The page People in the collection of the test, or the page of one of its people."""
    page = open_console("people", **options)
    page.get_by_label("Collection").select_option(STAFF)
    if person:
        page.locator(f'a[href="#/people/{person}"]').click()
        page.locator(".person-head").wait_for()
    return page


def names(page: Any) -> list[str]:
    found: list[str] = page.locator(".person-name").all_inner_texts()
    return found


def face_count(served: Served, subject: str) -> int:
    count: int = served.http.get(f"/collections/{STAFF}/subjects/{subject}").json()["faces"]
    return count


def test_everybody_is_shown_and_searched_and_a_name_is_text(open_console, staff, keep):
    page = opened(open_console)
    page.locator(".person img").nth(1).wait_for()
    assert names(page) == [MARKUP, "Ben"]
    page.get_by_text("2 people · 3 photos").wait_for()
    check_every_look(page, keep, "people")
    page.get_by_label("Search by name or id").fill("BE")
    page.get_by_role("status").filter(has_text="1 person found").wait_for()
    assert names(page) == ["Ben"]
    page.locator(".person").click()
    page.locator(".person-head").wait_for()
    page.go_back()
    page.locator(".person-name").wait_for()
    assert page.get_by_label("Search by name or id").input_value() == "BE"
    page.get_by_label("Search by name or id").fill("")
    page.get_by_label("Collection").select_option("default")
    page.locator(".person-name", has_text="Anna").wait_for()
    page.locator(".person img").nth(1).wait_for()
    page.emulate_media(color_scheme="light")
    keep(page, "people-anna")


def test_where_nobody_is_enrolled_the_first_person_is_added(open_console, served, keep):
    served.http.put("/collections/empty", json={}).raise_for_status()
    page = open_console("people")
    page.get_by_label("Collection").select_option("empty")
    page.get_by_role("heading", name="Nobody is here yet").wait_for()
    keep(page, "people-nobody")
    page.get_by_role("button", name="Add the first person").click()
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(photo_file(pictures.astronaut()))
    page.get_by_label("Name").fill("Ada")
    page.get_by_role("button", name="Enroll a new person").click()
    page.get_by_role("dialog", name="Enrolled").get_by_role("button", name="Close").last.click()
    page.get_by_role("heading", name="Ada", exact=True).wait_for()
    served.http.delete("/collections/empty").raise_for_status()


def test_photos_are_added_with_what_became_of_each_and_one_is_deleted(open_console, staff, keep):
    page = opened(open_console, "ben")
    photos = {"dark": pictures.variants(pictures.portrait())["darker"], "group": pictures.group(), "text": b"no photo"}
    files = [photo_file(photo, f"{name}.png") for name, photo in photos.items()]
    page.locator(".add-photos input[type=file]").set_input_files(files)
    page.locator(".state.refused").nth(1).wait_for()
    assert page.locator(".state.enrolled").count() == 1
    page.get_by_role("button", name="Take the largest face").click()
    page.locator(".state.enrolled").nth(1).wait_for()
    page.locator(".face-card").nth(2).wait_for()
    page.locator(".quality").first.click()
    assert "sharpness" in page.locator(".quality").first.inner_text()
    check_every_look(page, keep, "person")
    page.get_by_role("button", name="Delete: photo 3 of Ben").click()
    assert "This cannot be undone." in page.get_by_role("dialog").inner_text()
    page.get_by_role("button", name="Delete the photo").click()
    page.locator(".face-card").nth(2).wait_for(state="detached")
    assert face_count(staff, "ben") == 2


def test_a_face_is_moved_to_a_new_person_and_back(open_console, staff):
    page = opened(open_console, "ada")
    page.get_by_role("button", name="Move: photo 2").click()
    page.get_by_label("Whose face is it?").fill("Zoë 山田")
    page.get_by_role("button", name="New person: Zoë 山田").click()
    page.locator(".change", has_text="The photo belongs to Zoë 山田 now.").wait_for()
    page.locator(".face-card").nth(1).wait_for(state="detached")
    page.get_by_role("button", name="Undo").click()
    page.locator(".face-card").nth(1).wait_for()
    assert face_count(staff, "ada") == 2


def test_two_people_are_merged_and_taken_apart_again(open_console, staff, keep):
    page = opened(open_console, "ben")
    page.get_by_role("button", name="Merge with another person").click()
    page.get_by_label("The other entry").fill("ad")
    page.get_by_role("radio", name="Ada").check()
    assert serious_findings(page) == []
    keep(page, "people-merge")
    page.get_by_role("button", name="Merge", exact=True).click()
    page.locator(".change", has_text="1 photo of Ben now belongs to").wait_for()
    assert face_count(staff, "ada") == 3
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="Ben", exact=True).wait_for()
    assert (face_count(staff, "ada"), face_count(staff, "ben")) == (2, 1)


def test_name_id_and_details_are_edited_and_a_number_stays_one(open_console, staff):
    page = opened(open_console, "ada")
    page.get_by_role("button", name="Edit details").click()
    page.get_by_label("Value").fill("13")
    page.get_by_role("button", name="Add a line").click()
    page.get_by_label("What").last.fill("team")
    page.get_by_label("Value").last.fill("<i>lab</i>")
    page.get_by_role("button", name="Save").click()
    page.locator(".pairs", has_text="<i>lab</i>").wait_for()
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill("Ada L.")
    page.get_by_role("textbox", name="Id").fill("ada/2")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Ada L.").wait_for()
    assert page.url.endswith("#/people/ada%2F2")
    person = staff.http.get(f"/collections/{STAFF}/subjects/ada%2F2").json()
    assert (person["name"], person["metadata"]) == ("Ada L.", {"desk": 13, "team": "<i>lab</i>"})


def test_all_that_is_held_is_downloaded(open_console, staff):
    page = opened(open_console, "ada")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sum(name.endswith(".jpg") for name in archive.namelist()) == 2


def test_a_person_is_erased_by_keyboard_and_another_window_says_so_calmly(open_console, staff, keep):
    page, other = opened(open_console, "ben"), opened(open_console, "ben")
    other.get_by_role("button", name="Erase …").click()
    other.get_by_label("To confirm, type Ben").fill("ben")
    page.get_by_role("button", name="Erase …").focus()
    page.keyboard.press("Enter")
    said = page.get_by_role("dialog").inner_text()
    assert "1 face with its embedding" in said
    assert "1 photo, unless somebody else is enrolled from it too" in said
    page.keyboard.type("Be")
    assert page.get_by_role("button", name="Erase for good").is_disabled()
    page.keyboard.type("n")
    assert serious_findings(page) == []
    keep(page, "people-erase")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Erased").wait_for()
    check_every_look(page, keep, "people-receipt")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the receipt").click()
    receipt = download.value.path().read_text("utf-8")
    assert "Person: Ben\nId: ben\nCollection: staff\n" in receipt
    assert "Faces and embeddings erased: 1\nPhotos removed: 0\n" in receipt
    assert "as somebody else is enrolled from them: 1" in receipt  # Ben of the collection `default`
    assert staff.http.get(f"/collections/{STAFF}/subjects/ben").status_code == 404
    other.get_by_role("button", name="Erase for good").click()
    other.get_by_role("heading", name="Already erased").wait_for()
    assert other.get_by_role("alert").count() == 0


def test_a_key_that_may_only_read_sees_people_and_changes_nothing(open_console, staff):
    page = opened(open_console, "ben", key=staff.new_key("read"))
    page.locator(".face-card").wait_for()
    assert page.locator("main button:visible").all_inner_texts() == ["Whole photo"]
