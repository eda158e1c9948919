"""All pages that are made from the code, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.documents.reference.commands_page import commands_page
from tests.documents.reference.examples import PAGES
from tests.documents.reference.http_pages import page_of
from tests.documents.reference.models_page import models_page
from tests.documents.reference.recording import Kept, Recorded, Served, record


def document_of(server: Served) -> Any:
    """Of OpenAPI."""
    return httpx.get(f"{server.url}/openapi.json", timeout=60).json()


def calls_of(server: Served, photos: Path) -> dict[str, list[Recorded]]:
    """The recorded calls of each page."""
    kept = Kept()
    return {page.name: record(page.examples, server, photos, kept) for page in PAGES}


def http_pages(server: Served, photos: Path) -> dict[str, str]:
    """Those with calls, which need a server."""
    document = document_of(server)
    calls = calls_of(server, photos)
    return {page.name: page_of(page, calls[page.name], document) for page in PAGES}


def still_pages() -> dict[str, str]:
    """Those that need none."""
    return {"commands": commands_page(), "models": models_page()}
