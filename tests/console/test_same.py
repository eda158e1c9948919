"""Same person? in a real browser, on the real models."""

from __future__ import annotations

import numpy as np
import pytest

from tests import pictures
from tests.console.conftest import photo_file
from tests.console.watching import check_every_look
from tests.heic import heic

pytestmark = pytest.mark.real


def compare(page, first: bytes, second: bytes) -> str:
    for i, photo in enumerate((first, second)):
        page.locator(".drop input[type=file]").nth(i).set_input_files(photo_file(photo))
    return verdict(page)


def verdict(page) -> str:
    page.locator(".verdict").wait_for()
    return page.locator(".verdict h2").inner_text()


def test_two_photos_of_one_person_at_the_rate_that_is_chosen_in_words(open_console, keep):
    page = open_console("same")
    assert compare(page, pictures.astronaut(), pictures.variants(pictures.astronaut())["mirror"]) == "The same person"
    assert "about 1 in 1,000 would pass" in page.locator(".verdict").inner_text()
    page.get_by_label("How often may a stranger pass?").select_option(label="1 in 10,000")
    page.locator(".verdict", has_text="about 1 in 10,000 would pass").wait_for()
    keep(page, "same-match")


def test_a_rate_that_no_measurement_supports_is_said_to_be_so(open_console):
    page = open_console("same")
    page.get_by_label("How often may a stranger pass?").select_option(label="1 in 1,000,000")
    compare(page, pictures.astronaut(), pictures.astronaut())
    assert "is not supported by measurements" in page.locator(".verdict .note.warn").inner_text()


def test_another_face_of_a_photo_is_compared_when_it_is_chosen(open_console, keep):
    page = open_console("same")
    assert compare(page, pictures.group(), pictures.group()) == "The same person"
    page.get_by_role("group", name="The photo shows 6 faces").first.get_by_label("face 2").check()
    page.locator(".verdict h2", has_text="Not the same person").wait_for()
    assert "img1_face_index=1" in page.locator(".as-code").text_content()
    assert page.locator(".photo").first.locator("svg .face").nth(1).get_attribute("class") == "face chosen"
    keep(page, "same-another-face")


def test_another_face_is_chosen_also_where_the_browser_cannot_read_the_photo(open_console):
    group = pictures.opened(pictures.group())
    cropped = group.crop((0, 0, group.width // 16 * 16, group.height // 16 * 16))
    page = open_console("same")
    assert compare(page, heic(np.asarray(cropped)), pictures.group()) == "The same person"
    page.get_by_role("group", name="The photo shows 6 faces").first.get_by_label("face 2").check()
    page.locator(".verdict h2", has_text="Not the same person").wait_for()


def test_photos_of_two_people_and_one_that_shows_nobody(open_console):
    page = open_console("same")
    assert compare(page, pictures.astronaut(), pictures.portrait()) == "Not the same person"
    page.locator(".drop input[type=file]").nth(1).set_input_files(photo_file(pictures.no_face()))
    page.locator(".verdict.unreliable").wait_for()
    assert verdict(page) == "Cannot be judged"


def test_it_reads_well_at_every_width_in_both_themes(open_console, keep):
    page = open_console("same")
    compare(page, pictures.group(), pictures.portrait())
    check_every_look(page, keep, "same")
