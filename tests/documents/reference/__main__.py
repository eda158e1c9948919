"""`python -m tests.documents.reference`: write the pages of docs/reference that are made from the code."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.documents.pages import DOCS
from tests.documents.reference.pages import http_pages, still_pages
from tests.documents.reference.recording import served, write_photos


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        write_photos(photos)
        with served(Path(folder) / "data") as server:
            pages = {**http_pages(server, photos), **still_pages()}
    for name, text in pages.items():
        (DOCS / "reference" / f"{name}.md").write_text(text, "utf-8")
        print(f"docs/reference/{name}.md")


if __name__ == "__main__":
    main()
