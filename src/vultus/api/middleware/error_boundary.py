"""Answers every exception in the error shape of the dialect; faults of the server go to its log. Pure ASGI."""

from __future__ import annotations

import logging
import traceback
from pathlib import PurePath

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.api.errors import Problem, describe
from vultus.api.middleware.watched_answer import WatchedAnswer
from vultus.api.request_context import request_context
from vultus.errors import StorageUnavailable, VultusError

log = logging.getLogger(__name__)


class ErrorBoundaryMiddleware:
    """Answers whatever is raised below it, and a request whose id is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context, answer = request_context(scope), WatchedAnswer(send)
        try:
            if context.refusal is not None:
                raise context.refusal
            await self.app(scope, receive, answer.send)
        except ClientDisconnect:
            return  # nobody reads an answer
        except Exception as exc:
            problem = describe(exc)
            context.error = problem.code
            _log_fault(problem, context.request_id, exc)
            if answer.status:
                raise  # a part of an answer is sent already; the server closes the connection
            await context.dialect.write_error(problem, context.request_id)(scope, receive, send)


def _log_fault(problem: Problem, request_id: str, exc: Exception) -> None:
    """Log faults of the server, without the message of a foreign exception: it may quote names or values."""
    if isinstance(exc, StorageUnavailable):
        log.warning("request %s failed: %s", request_id, exc)
    if problem.status != 500:
        return
    sentence = str(exc) if isinstance(exc, VultusError) else "no message kept"
    log.error("request %s failed: %s (%s) at %s", request_id, type(exc).__name__, sentence, frames_of(exc))


def frames_of(exc: BaseException) -> str:
    """Where an exception was raised, on one line: the innermost frames, without values or messages."""
    frames = traceback.extract_tb(exc.__traceback__)[-6:]
    return " > ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
