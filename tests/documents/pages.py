"""Every page in Markdown, its headings as anchors, its links, and the order of the site."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = DOCS / "site"
PAGES = [ROOT / "README.md", ROOT / "clients" / "python" / "README.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges and MyST name them."""
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#{1,6} +(.*?) *$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", _plain(heading).lower()).replace(" ", "-")
        names.add(slug if not found[slug] else f"{slug}-{found[slug]}")
        found[slug] += 1
    return names


def _plain(heading: str) -> str:
    """Without backticks and the targets of links."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")


def links(page: Path) -> list[tuple[str, str]]:
    """The path and anchor of each link to a file; the path is empty within the page."""
    targets = [target for target in LINK.findall(prose(page)) if not re.match(r"[a-z]+:", target)]
    return [(path, anchor) for path, _, anchor in (target.partition("#") for target in targets)]


def navigation() -> dict[str, list[str]]:
    """The pages of the site by section."""
    sections = tomllib.loads((SITE / "navigation.toml").read_text("utf-8"))["section"]
    return {section["title"]: section["pages"] for section in sections}
