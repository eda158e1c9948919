"""Docs that cannot drift: pages made from the code are compared with it, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house import SOURCE, listing, summary
from vultus.config import Settings, settings_page

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_settings_page_is_the_one_the_code_makes():
    """To write it again: python -c "from vultus.config import settings_page; print(settings_page(), end='')"."""
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == settings_page()


def test_every_setting_explains_itself():
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_architecture_page_lists_every_file():
    """To write the list: python -m tests.house --listing."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert page.partition("## Every file")[2].partition("docstring.\n\n")[2] == listing(SOURCE)


def test_every_file_says_what_it_is():
    assert [str(path) for path in SOURCE.rglob("*.py") if not summary(path)] == []


def test_the_readme_shows_the_two_commands():
    text = (ROOT / "README.md").read_text("utf-8")
    assert "make serve" in text
    assert "make test" in text
