"""Links between pages lead to a file, and to a heading of it."""

from __future__ import annotations

import re

import pytest
from pygments.lexers import get_all_lexers

from tests.documents.pages import DOCS, PAGES, anchors, links, name_of, navigation

PAGE = pytest.mark.parametrize("page", PAGES, ids=name_of)


@PAGE
def test_links_lead_to_a_file_and_a_heading_of_it(page):
    broken = []
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


@PAGE
def test_a_page_begins_with_its_only_title(page):
    titles = [line for line in page.read_text("utf-8").splitlines() if line.startswith("#")]
    assert titles[0].startswith("# ")


def test_the_language_of_every_block_of_code_is_one_that_the_site_knows():
    """The site is built with warnings as errors, and warns of others."""
    pages = DOCS.rglob("*.md")
    named = {language for page in pages for language in re.findall(r"^```(\w+)", page.read_text("utf-8"), re.MULTILINE)}
    assert named - {alias for _, aliases, *_ in get_all_lexers() for alias in aliases} == set()


def test_every_page_stands_in_the_navigation_once():
    listed = [page for pages in navigation().values() for page in pages]
    written = {page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.rglob("*.md")}
    assert sorted(listed) == sorted(written - {"index"})


def test_the_first_page_leads_to_each_section():
    """Its table names the pages to begin with; the sections are named below it."""
    text = (DOCS / "index.md").read_text("utf-8")
    assert [section for section in navigation() if not re.search(rf"\*\*{section}\*\*", text)] == []


def test_anchors_are_those_of_forges(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title\n## `import` on all cores\n## One `/find`, 640x480\n## A [link](x.md#y)\n## A link\n")
    assert anchors(page) == {"a-title", "import-on-all-cores", "one-find-640x480", "a-link", "a-link-1"}
