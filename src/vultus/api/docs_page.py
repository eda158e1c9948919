"""The page at /docs: Swagger UI with our own way of changing between a form and JSON; and the document it shows."""

from __future__ import annotations

import json

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

FILES = "/static-offline-docs"  # where fastapi-offline has Swagger UI

# By itself Swagger UI shows the fields of the form as JSON, in which no photo is left, in place of the example.
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{files}/swagger-ui.css">
<link rel="shortcut icon" href="{files}/favicon.png">
<title>Vultus</title>
</head>
<body>
<div id="swagger-ui"></div>
<script src="{files}/swagger-ui-bundle.js"></script>
<script>
const forgetOtherBody = () => ({{statePlugins: {{oas3: {{wrapActions: {{
  setRequestContentType: (choose, system) => (choice) => {{
    const chosen = choose(choice)
    system.oas3Actions.setRequestBodyValue({{value: undefined, pathMethod: choice.pathMethod}})
    return chosen
  }}
}}}}}}}})
SwaggerUIBundle({{
  url: "{prefix}/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  showCommonExtensions: true,
  validatorUrl: null,
  plugins: [forgetOtherBody],
}})
</script>
</body>
</html>
"""


def add_docs_page(app: FastAPI) -> None:
    """Serve the page, which loads nothing but our own files, and the document in place of the framework's own route."""
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) != app.openapi_url]
    app.add_api_route("/openapi.json", _Document(app).answer, include_in_schema=False, response_class=Response)
    app.add_api_route("/docs", _docs_page, include_in_schema=False, response_class=HTMLResponse)


async def _docs_page(request: Request) -> HTMLResponse:
    prefix = request.scope.get("root_path", "")
    return HTMLResponse(PAGE.format(prefix=prefix, files=f"{prefix}{FILES}"))


class _Document:
    """The OpenAPI document as bytes: made once, in a thread, as making it takes half a second."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._turn = anyio.Lock()
        self._made: dict[str, bytes] = {}  # by prefix, of which a server has one

    async def answer(self, request: Request) -> Response:
        prefix = request.scope.get("root_path", "").rstrip("/")
        async with self._turn:
            if prefix not in self._made:
                self._made[prefix] = await anyio.to_thread.run_sync(self._bytes, prefix)
        return Response(self._made[prefix], media_type="application/json")

    def _bytes(self, prefix: str) -> bytes:
        servers = {"servers": [{"url": prefix}]} if prefix else {}
        return json.dumps(self._app.openapi() | servers, ensure_ascii=False, separators=(",", ":")).encode()
