"""Pages have places for screenshots, which browser tests make, and look right without them."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests.documents.pages import DOCS, ROOT, SITE

PAGE = "Before.\n\n<!-- screenshot: door-match | A name in large letters. -->\n\nAfter.\n"
# Of the console, in the order of its navigation; the page Help is all text.
SHOWN = ["who", "same", "people", "person", "review", "add", "door", "collections", "keys", "activity", "system"]
KEPT = re.compile(r'\bkeep\(page, "([\w-]+)"\)')
KEPT_IN_EVERY_LOOK = re.compile(r'(?:check_every_look\(page, keep|read_well\(open_console, keep), "([\w-]+)"\)')


@pytest.fixture(scope="module")
def screenshots():
    spec = importlib.util.spec_from_file_location("screenshots", SITE / "screenshots.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_picture_that_is_there_is_shown_with_its_words(screenshots, tmp_path):
    (tmp_path / "door-match.png").touch()
    shown = screenshots.with_screenshots(PAGE, tmp_path, "../../")
    assert shown == "Before.\n\n![A name in large letters.](../../build/console/door-match.png)\n\nAfter.\n"


def test_one_that_is_missing_leaves_no_gap_that_is_seen(screenshots, tmp_path):
    assert screenshots.with_screenshots(PAGE, tmp_path, "../../") == "Before.\n\n\n\nAfter.\n"


def places(screenshots):
    """The places of all pages by page: [(name of the picture, words)]."""
    return {page: screenshots.PLACE.findall(page.read_text("utf-8")) for page in sorted(DOCS.rglob("*.md"))}


def test_every_place_has_words_and_a_picture_that_a_browser_test_keeps(screenshots):
    sources = [path.read_text("utf-8") for path in (ROOT / "tests" / "console").glob("test_*.py")]
    kept = {name for source in sources for name in KEPT.findall(source)}
    kept |= {f"{name}-1280-light" for source in sources for name in KEPT_IN_EVERY_LOOK.findall(source)}
    for page, found in places(screenshots).items():
        assert page.read_text("utf-8").count("<!-- screenshot") == len(found), page
        assert {name for name, _ in found} <= kept, page


def test_every_page_of_the_console_is_shown(screenshots):
    names = [name.partition("-")[0] for name, _ in places(screenshots)[DOCS / "console.md"]]
    assert [name for name in names if name in SHOWN] == SHOWN
