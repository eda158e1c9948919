"""Photos that are hard for browsers, on each page that takes some: HEIC, which Chromium cannot draw; 40 megapixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import pictures
from tests.console.conftest import Served, photo_file
from tests.console.watching import wait_for
from tests.heic import heic

pytestmark = pytest.mark.real

MOST = (8000, 5000)  # pixels, the most that the server takes
FILE = ".drop input[type=file]"
FILES = ".drop input[multiple]"
COLLECTION = "hard"
BROKEN = "[...document.images].filter((image) => image.complete && !image.naturalWidth).length"
# held: photos that are decoded whole just now; most: at once.
COUNT_DECODED = """() => {
  const decode = createImageBitmap;
  Object.assign(window, { held: 0, most: 0 });
  window.createImageBitmap = async (...asked) => {
    window.most = Math.max(window.most, ++window.held);
    const photo = await decode(...asked);
    const close = photo.close.bind(photo);
    photo.close = () => (window.held--, close());
    return photo;
  };
}"""


@pytest.fixture
def collection(served: Served) -> Iterator[str]:
    served.http.put(f"/collections/{COLLECTION}").raise_for_status()
    yield COLLECTION
    served.http.delete(f"/collections/{COLLECTION}").raise_for_status()


def as_heic(photo: bytes) -> bytes:
    found = pictures.opened(photo)
    return heic(np.asarray(found.crop((0, 0, found.width // 16 * 16, found.height // 16 * 16))))


def enlarged(photo: bytes) -> bytes:
    """40 megapixels: the picture, as high as they are, before a wall."""
    found, wall = pictures.opened(photo), Image.new("RGB", MOST, "grey")
    scale = min(MOST[0] / found.width, MOST[1] / found.height)
    wall.paste(found.resize((int(found.width * scale), int(found.height * scale)), Image.Resampling.BILINEAR))
    return pictures.encoded(wall, "JPEG", quality=50)


def compare(page: Any, *photos: dict[str, Any]) -> None:
    page.goto(page.url.partition("#")[0] + "#/same")
    for i, photo in enumerate(photos):
        page.locator(FILE).nth(i).set_input_files(photo)
    page.locator(".verdict h2", has_text="The same person").wait_for()


def enroll(page: Any, photo: dict[str, Any]) -> None:
    page.goto(page.url.partition("#")[0] + "#/add")
    page.get_by_label("Collection").select_option(COLLECTION)
    page.locator(FILES).set_input_files(photo)
    page.get_by_role("button", name="Enroll these people").click()
    page.locator(".outcome.enrolled").wait_for()
    page.locator(".state", has_text="Done.").wait_for()


def test_a_heic_is_taken_on_every_page_and_what_cannot_be_drawn_is_said(open_console, collection, keep):
    group, phone = as_heic(pictures.group()), photo_file(as_heic(pictures.astronaut()), "anna_1.heic", "")
    page = open_console("who")
    page.locator(FILE).set_input_files(photo_file(group, "group.heic", ""))
    page.get_by_role("tab").nth(5).wait_for()
    page.get_by_text("This browser cannot show group.heic.").wait_for()
    page.get_by_role("button", name="Enroll this face as").click()
    page.get_by_label("Name").fill("Chandra")
    page.get_by_role("button", name="Enroll a new person").click()
    page.get_by_role("alert").filter(has_text="Save the photo as a JPEG, or crop it to one face.").wait_for()
    page.keyboard.press("Escape")
    compare(page, photo_file(group, "group.heic", ""), photo_file(group, "again.heic", ""))
    assert page.locator(".photo-hidden").count() == 2
    page.get_by_role("group", name="The photo shows 6 faces").first.get_by_label("face 2").click()
    page.locator(".verdict h2", has_text="Not the same person").wait_for()
    assert page.get_by_label("face 2").first.is_checked()
    assert page.evaluate(BROKEN) == 0
    keep(page, "same-heic")
    enroll(page, phone)
    assert page.evaluate(BROKEN) == page.locator(".outcome img").count() == 0


def test_forty_megapixels_are_taken_on_every_page_and_one_photo_is_decoded_at_a_time(open_console, collection):
    anna = photo_file(enlarged(pictures.astronaut()), "anna_1.jpg", "image/jpeg")
    page = open_console("who")
    page.evaluate(COUNT_DECODED)
    page.locator(FILE).set_input_files(photo_file(enlarged(pictures.group()), "group.jpg", "image/jpeg"))
    page.locator("[role=tab] img").nth(5).wait_for()
    page.locator(".photo svg .face").nth(5).wait_for()
    wait_for(page, "window.held === 0")
    compare(page, anna, photo_file(pictures.astronaut()))
    enroll(page, anna)
    page.locator(".outcome img").wait_for()
    assert page.evaluate("[window.most, window.held]") == [1, 0]
    assert page.evaluate(BROKEN) == 0


def test_more_than_forty_megapixels_are_refused_with_the_numbers(open_console):
    photo = pictures.encoded(Image.new("L", (8160, 6120), 200), "JPEG", quality=50)
    page = open_console("who")
    page.locator(FILE).set_input_files(photo_file(photo, "phone.jpg", "image/jpeg"))
    said = page.get_by_role("alert").filter(has_text="The photo is too large. Make it smaller and try again.")
    said.locator("summary").click()
    assert "8160x6120 pixels, more than 40000000" in said.inner_text()
