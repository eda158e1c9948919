"""Answers what Starlette and FastAPI raise themselves: unknown paths, wrong methods, path parameters.

Their exception handlers run inside the error boundary, which therefore never sees these.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from vultus.api.errors import describe
from vultus.api.request_context import request_context


async def answer_framework_error(request: Request, exc: Exception) -> Response:
    """Exception handler: the answer in the dialect of the path; the code goes to the audit."""
    if isinstance(exc, HTTPException) and exc.status_code == 405:
        exc = _wrong_method(request)
    problem, context = describe(exc), request_context(request.scope)
    context.error = problem.code
    return context.dialect.write_error(problem, context.request_id)


def _wrong_method(request: Request) -> HTTPException:
    routes = (route for route in request.app.state.routes if isinstance(route, Route))
    matching = (route.methods or () for route in routes if route.matches(request.scope)[0] is Match.PARTIAL)
    methods = ", ".join(sorted({method for methods in matching for method in methods}))
    return HTTPException(405, f"this path does not answer {request.method}; it answers {methods}", {"Allow": methods})
