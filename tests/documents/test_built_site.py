"""The site as `make docs` built it: whole, searchable, and without anything of other hosts."""

from __future__ import annotations

import re

import pytest

from tests.documents.pages import DOCS, ROOT

BUILT = ROOT / "build" / "docs"


def is_built() -> bool:
    """Whether there is a site, of the pages as they are."""
    search = BUILT / "searchindex.js"  # written last
    return search.is_file() and all(page.stat().st_mtime <= search.stat().st_mtime for page in DOCS.rglob("*.md"))


pytestmark = pytest.mark.skipif(not is_built(), reason="the site is not built of these pages; make docs builds it")

# What a browser fetches by itself when it shows a page. Links (<a href>) are followed by people.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b[^>]*\bhref\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)""",
    re.IGNORECASE,
)
FETCHED_BY_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)
FETCHED_BY_SCRIPTS = re.compile(
    r"""(?:fetch|import|importScripts|open|EventSource|WebSocket|Worker)\(\s*["'`](?:[A-Z]+["'],\s*["'])?((?:https?:|wss?:)?//[^"'`]+)"""
)


def found(pattern: re.Pattern[str], kind: str) -> list[str]:
    texts = ((path, path.read_text("utf-8")) for path in sorted(BUILT.rglob(f"*.{kind}")))
    return [f"{path.name}: {hit.group(0)[:120]}" for path, text in texts for hit in pattern.finditer(text)]


def test_every_page_is_built():
    pages = {page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")}
    assert [str(page) for page in sorted(pages) if not (BUILT / page).is_file()] == []


def test_pages_fetch_nothing_from_other_hosts():
    assert found(FETCHED, "html") == []
    assert found(FETCHED_BY_STYLES, "css") + found(FETCHED_BY_STYLES, "html") == []
    assert found(FETCHED_BY_SCRIPTS, "js") + found(FETCHED_BY_SCRIPTS, "html") == []


def test_no_link_of_a_page_leads_nowhere():
    broken = []
    for page in BUILT.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#?:]+)["#?]', page.read_text("utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(BUILT)}: {target}")
    assert broken == []


def test_the_search_index_comes_with_the_site():
    """A script, as pages opened from a disk may fetch no data."""
    index = (BUILT / "searchindex.js").read_text("utf-8")
    assert index.startswith("Search.setIndex(")
    assert "installation" in index


def test_what_is_fetched_would_be_found():
    assert FETCHED.search('<script async src="https://cdn.example/x.js">')
    assert FETCHED.search('<link rel="stylesheet" href="//fonts.example/css">')
    assert not FETCHED.search('<a href="https://example.org">')
    assert FETCHED_BY_STYLES.search("@import 'https://fonts.example/a.css'")
    assert FETCHED_BY_STYLES.search("src:url(https://fonts.example/a.woff2)")
    assert FETCHED_BY_SCRIPTS.search('fetch("https://api.example/")')
