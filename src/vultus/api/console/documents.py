"""The site of the documents at /console/documents, where `make docs` built one. No key is needed to read it."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from vultus.api.middleware.security_headers import page_policy
from vultus.errors import NotFound

PLACE = "/console/documents"
FIRST = "index.html"
PAGE = ".html"
NOT_BUILT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Vultus: the documents are not built</title></head><body>
<h1>The documents are not built</h1>
<p>Run <code>make docs</code> in the folder of Vultus, which builds a site of them in <code>build/docs</code>, or set
<code>VULTUS_DOCUMENTS_DIR</code> to the folder of one and start the server again.</p>
<p>The same pages are in the folder <code>docs/</code> of Vultus, as text.</p>
<p><a href="../console#/help">Help of the console</a></p>
</body></html>
"""


def add_documents(app: FastAPI, folder: Path) -> None:
    """Serve the site in the folder below /console/documents. It may be built while the server runs."""
    site = _Site(folder)
    app.add_api_route(PLACE, site.first, methods=["GET", "HEAD"], include_in_schema=False, response_class=Response)
    app.add_api_route(f"{PLACE}/{{path:path}}", site.file, methods=["GET", "HEAD"], include_in_schema=False)


class _Site:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = StaticFiles(directory=folder, check_dir=False)

    def first(self) -> Response:
        """Leads to the first page, by a relative path that holds behind a prefix; or says how the site is built."""
        if (self._folder / FIRST).is_file():
            return RedirectResponse(f"documents/{FIRST}")
        return HTMLResponse(NOT_BUILT, status_code=404)

    async def file(self, request: Request, path: str) -> Response:
        """A page or another file of the site."""
        try:
            if path.endswith(PAGE):
                return await run_in_threadpool(self._page, path)
            answer = await self._files.get_response(path, request.scope)
        except (HTTPException, OSError, ValueError) as exc:  # no file's name: too long, with a zero byte, a folder's
            raise _no_such_page() from exc
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    def _page(self, path: str) -> Response:
        """Not to be cached: its policy names its scripts, and its search is a form."""
        found, about = self._files.lookup_path(path)
        if about is None:
            raise _no_such_page()
        content = Path(found).read_bytes()
        policy = page_policy(content, forms="'self'")
        return HTMLResponse(content, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


def _no_such_page() -> NotFound:
    return NotFound("the documents have no such page; open /console/documents")
