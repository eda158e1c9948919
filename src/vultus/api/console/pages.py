"""/console and its files. No key is needed to read them, and no open system; what they show comes from the API."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse

from vultus.api.caching import holds
from vultus.api.console.documents import add_documents
from vultus.api.console.static_files import PAGE, ConsoleFiles
from vultus.errors import NotFound

READ = ["GET", "HEAD"]
# A browser asks each time whether a file is still the same: the modules of two releases never meet.
CACHE = {"Cache-Control": "no-cache"}
PERMISSIONS = "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()"


def add_console(app: FastAPI, *, documents: Path) -> None:
    """Serve the page at /console, its files and the documents below it, and lead browsers from / to it.

    documents: the folder of the built site of the documents; it may be missing.
    """
    served = _ServedConsole(ConsoleFiles())
    app.add_api_route("/console", served.page, methods=READ, include_in_schema=False, response_class=Response)
    app.add_api_route("/console/", _without_slash, methods=READ, include_in_schema=False, response_class=Response)
    add_documents(app, documents)  # before the files, as of several routes that fit the first one answers
    app.add_api_route("/console/{path:path}", served.file, methods=READ, include_in_schema=False)
    app.add_api_route("/", _home, include_in_schema=False, response_class=RedirectResponse)


class _ServedConsole:
    def __init__(self, files: ConsoleFiles) -> None:
        self._files = files

    async def page(self, request: Request) -> Response:
        """The one page. Its links are relative, so that it needs to know no prefix of a proxy."""
        headers = {"Content-Security-Policy": self._files.policy, "Permissions-Policy": PERMISSIONS}
        return self._answer(request, PAGE, headers)

    async def file(self, request: Request, path: str) -> Response:
        """A module, style sheet or catalogue of the page."""
        return self._answer(request, path, {})

    def _answer(self, request: Request, path: str, headers: dict[str, str]) -> Response:
        found = self._files.get(path)
        if found is None or (path == PAGE and not headers):  # the page has one address, and its policy there
            raise NotFound("the console has no such file; open /console")
        headers = {**headers, **CACHE, "ETag": found.tag}
        if holds(request.headers, found.tag):
            return Response(status_code=304, headers=headers)
        return Response(found.content, media_type=found.media_type, headers=headers)


async def _without_slash() -> Response:
    """Relative, as only a browser knows at which address a proxy shows the console."""
    return RedirectResponse("../console")


async def _home(request: Request) -> RedirectResponse:
    """Browsers are led to the console, programs to the page of the API."""
    prefix = request.scope.get("root_path", "")
    page = "console" if "text/html" in request.headers.get("accept", "") else "docs"
    return RedirectResponse(f"{prefix}/{page}" if prefix else page, headers={"Vary": "Accept"})
