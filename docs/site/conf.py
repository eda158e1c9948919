"""The site of the documents, as Sphinx builds it: `make docs`. Nothing is fetched, while it is built or read."""

import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from screenshots import with_screenshots  # noqa: E402 - beside this file

ROOT = HERE.parents[1]
CLIENT_README = ROOT / "clients" / "python" / "README.md"
CLIENT_PAGE = "reference/python-client"

project = "Vultus"
release = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["site"]
nitpicky = True
myst_heading_anchors = 6  # named as forges name them, so that links hold in both places
html_theme = "furo"
html_favicon = "../../src/vultus/api/console/static/style/icon.svg"
html_title = f"Vultus {release}"
html_show_sphinx = html_show_copyright = False
html_copy_source = False


def complete(app: Sphinx, page: str, source: list[str]) -> None:
    """Add to a page what a forge does not show: the tree of all pages, the README of the client, screenshots."""
    text = source[0].replace("](../clients/python/README.md)", f"]({CLIENT_PAGE}.md)")
    if page == "index":
        text += "".join(map(_toctree, tomllib.loads((HERE / "navigation.toml").read_text("utf-8"))["section"]))
    if page == CLIENT_PAGE:
        text = (
            CLIENT_README.read_text("utf-8")
            .replace("](../../docs/", "](../")
            .replace("](../../README.md", "](../index.md")
        )
    source[0] = with_screenshots(text, ROOT / "build" / "console", above="../" * (page.count("/") + 1))


def _toctree(section: dict[str, list[str]]) -> str:
    pages = "\n".join(section["pages"])
    return f"\n```{{toctree}}\n:hidden:\n:caption: {section['title']}\n\n{pages}\n```\n"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", complete)
