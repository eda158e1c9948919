"""The page at /docs: Swagger UI with our own way of changing between a form and JSON."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

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
    """Serve the page, which loads nothing but our own files."""
    app.add_api_route("/docs", _docs_page, include_in_schema=False, response_class=HTMLResponse)


async def _docs_page(request: Request) -> HTMLResponse:
    prefix = request.scope.get("root_path", "")
    return HTMLResponse(PAGE.format(prefix=prefix, files=f"{prefix}{FILES}"))
