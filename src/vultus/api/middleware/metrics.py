"""Counts and times each request, its stages and its decisions. Pure ASGI."""

from __future__ import annotations

from time import perf_counter

from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.api.middleware.body_limit import InFlight
from vultus.api.middleware.watched_answer import WatchedAnswer
from vultus.api.request_context import RequestContext, known_context
from vultus.metrics.instruments import Instruments
from vultus.metrics.stopwatch import timed


class MetricsMiddleware:
    """Counts each request when it has been answered. Above the layer that gives the request its id."""

    def __init__(self, app: ASGIApp, counts: Instruments, in_flight: InFlight) -> None:
        self.app = app
        self._counts, self._in_flight = counts, in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, answer = perf_counter(), WatchedAnswer(send)
        self._in_flight.requests += 1
        with timed() as stopwatch:
            try:
                await self.app(scope, receive, answer.send)
            finally:
                self._in_flight.requests -= 1
                context = known_context(scope)
                self._count(scope, answer.status, context, perf_counter() - begun)
                self._counts.count_stages(stopwatch.seconds())

    def _count(self, scope: Scope, status: int, context: RequestContext | None, seconds: float) -> None:
        route, code = getattr(scope.get("route"), "path", None), context.error if context else None
        self._counts.count_request(route=route, method=scope["method"], status=status, code=code, seconds=seconds)
        if context is None or context.error is not None:
            return
        self._counts.count_rejected(context.rejected)
        if context.act is not None and context.act.action is not None:
            self._counts.count_decisions(context.act.action, context.act.decisions)
