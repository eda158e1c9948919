"""The HTTP application.

    create_app(system)                          for a system that is open already: tests, or a caller that owns it
    create_opening_app(settings, open_system)   for a server: opens the system when it starts, closes it when it stops

In the second, /health answers at once and everything else 503 `not_ready` until the system is open and warm. When it
cannot be opened, `on_failure` is called with the exception; by default it logs the sentence and ends the process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from vultus import __version__
from vultus.api.console.pages import add_console
from vultus.api.dialect import Dialect
from vultus.api.dialects.compreface import COMPREFACE
from vultus.api.dialects.deepface import DEEPFACE
from vultus.api.dialects.native import NATIVE
from vultus.api.dialects.rekognition import REKOGNITION
from vultus.api.docs_page import add_docs_page
from vultus.api.framework_errors import answer_framework_error
from vultus.api.middleware.audit import AuditMiddleware
from vultus.api.middleware.body_limit import BodyLimit, BodyLimitMiddleware
from vultus.api.middleware.cors import CorsMiddleware
from vultus.api.middleware.cross_site import CrossSiteMiddleware
from vultus.api.middleware.disconnect import DisconnectMiddleware
from vultus.api.middleware.error_boundary import ErrorBoundaryMiddleware
from vultus.api.middleware.metrics import MetricsMiddleware
from vultus.api.middleware.overload import OverloadMiddleware
from vultus.api.middleware.path_prefix import PathPrefixMiddleware
from vultus.api.middleware.path_segments import PathSegmentsMiddleware
from vultus.api.middleware.request_id import RequestIdMiddleware
from vultus.api.middleware.request_log import RequestLogMiddleware
from vultus.api.middleware.security_headers import SecurityHeadersMiddleware
from vultus.api.middleware.shutdown import DrainMiddleware
from vultus.api.rate_limiting.rate_limits import RateLimiter
from vultus.api.request_context import OpenSystem, System
from vultus.api.routes import (
    audit,
    bulk_jobs,
    collections,
    compare,
    corrections,
    duplicates,
    exports,
    faces,
    jobs,
    keys,
    monitoring,
    recognition,
    reembedding,
    subjects,
    system,
    unknown_faces,
)
from vultus.api.server_work import ServerWork
from vultus.api.state import AppState, stop_process, utc_now
from vultus.config import Settings
from vultus.errors import SettingsInvalid
from vultus.outgoing.image_fetch import Fetcher

DESCRIPTION = """
Enroll, verify (1:1), find (1:N), represent and detect faces.

Send a key as `Authorization: Bearer KEY` or `x-api-key: KEY`. Compute calls take a form (`multipart/form-data`, photos
as files) or JSON (photos as base64 or `data:` URL); the fields are the same. Every failure has one shape:
`{"error": code, "detail": sentence, "request_id": uuid}`. Send `x-request-id` (a UUID) to find a request in the log.
"""
# Protocols of other services, as far as VULTUS_DIALECTS names them.
DIALECTS: Sequence[Dialect] = (COMPREFACE, DEEPFACE, REKOGNITION)


def create_app(
    system: System,
    *,
    fetcher: Fetcher | None = None,
    now: Callable[[], datetime] = utc_now,
    dialects: Sequence[Dialect] | None = None,
) -> FastAPI:
    """The application around a system that is open already; the caller closes it.

    fetcher: for image URLs; default: the one that the settings describe. now: the wall clock, by which keys expire.
    dialects: protocols beside the native one; default: those of the settings.
    """
    dialects = _dialects(system.settings) if dialects is None else dialects
    return _application(AppState(system.settings, system=system, fetcher=fetcher, now=now), dialects)


def create_opening_app(
    settings: Settings,
    open_system: OpenSystem,
    *,
    on_failure: Callable[[Exception], None] = stop_process,
    rates: RateLimiter | None = None,
    work: ServerWork | None = None,
) -> FastAPI:
    """The application that opens its system when the server starts and closes it when the server stops.

    rates: default: counted in this process. work: default: of a process that serves alone.
    """
    state = AppState(settings, open_system=open_system, on_failure=on_failure, rates=rates, work=work)
    return _application(state, _dialects(settings))


def _dialects(settings: Settings) -> Sequence[Dialect]:
    return [dialect for dialect in DIALECTS if dialect.name in settings.dialects]


def _application(state: AppState, dialects: Sequence[Dialect]) -> FastAPI:
    app: FastAPI = FastAPIOffline(
        title="Vultus",
        version=__version__,
        description=DESCRIPTION,
        lifespan=state.lifespan,
        middleware=_middleware(state, dialects),
        exception_handlers={HTTPException: answer_framework_error, RequestValidationError: answer_framework_error},
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.vultus = state
    app.state.dialects = tuple(dialect.name for dialect in dialects)
    add_docs_page(app)
    add_console(app, documents=state.settings.documents_dir)
    parts = (
        *(recognition, compare, collections, subjects, exports, faces, corrections, reembedding, bulk_jobs, jobs),
        *(duplicates, unknown_faces, system, monitoring, keys, audit),
    )
    routers = tuple(part.router for part in parts)
    others = tuple(router for dialect in dialects for router in dialect.routers)
    app.state.routes = [*app.router.routes, *(route for router in (*routers, *others) for route in router.routes)]
    for router in routers:
        app.include_router(router)
    for router in others:
        app.include_router(router, include_in_schema=False)
    _refuse_taken_prefix(state.settings.root_path, app)
    return app


def _refuse_taken_prefix(prefix: str, app: FastAPI) -> None:
    """Raises SettingsInvalid for a prefix that begins like a call: which of both a path means could not be told."""
    first = prefix.strip("/").partition("/")[0]
    if first and any(route.path.strip("/").partition("/")[0] == first for route in app.state.routes):
        raise SettingsInvalid(
            f"the calls below /{first} cannot be told from the root_path {prefix}; choose another, or, where they are "
            "of another service's protocol, leave that out of VULTUS_DIALECTS"
        )


def _middleware(state: AppState, dialects: Sequence[Dialect]) -> list[Middleware]:
    """Outermost first. The order matters: each layer relies on those before it.

    The prefix of a proxy is taken off before any layer reads the path.
    Security headers and the request id are set on every answer, also on one that another layer makes, and so are those
    by which a browser lets a page read it, which therefore come before all that refuses; all answers are counted. The
    error boundary is above all layers that raise. Overload and other web sites are refused before anything is read or
    audited. Audit is above the drain and the body limit, so that it records what they refuse.
    """
    settings = state.settings
    without_keys = [Middleware(CrossSiteMiddleware, hosts=settings.allowed_hosts)] if settings.without_keys else []
    cors = [Middleware(CorsMiddleware, origins=settings.cors_origins)] if settings.cors_origins else []
    return [
        Middleware(PathPrefixMiddleware, prefix=settings.root_path),
        Middleware(SecurityHeadersMiddleware),
        Middleware(MetricsMiddleware, counts=state.work.metrics.counts, in_flight=state.work.in_flight),
        Middleware(RequestIdMiddleware, dialects=(*dialects, NATIVE)),
        Middleware(RequestLogMiddleware),
        *cors,
        Middleware(ErrorBoundaryMiddleware),
        Middleware(OverloadMiddleware),
        *without_keys,
        Middleware(AuditMiddleware),
        Middleware(DrainMiddleware, shutdown_state=state.shutdown_state),
        Middleware(DisconnectMiddleware),
        Middleware(
            BodyLimitMiddleware,
            max_bytes=settings.max_body_bytes,
            seconds=settings.request_seconds,
            max_held_bytes=settings.max_held_bytes,
            in_flight=state.work.in_flight,
            streamed={"/jobs": BodyLimit(settings.max_job_bytes, settings.job_upload_seconds, held=False)},
        ),
        Middleware(PathSegmentsMiddleware),
    ]
