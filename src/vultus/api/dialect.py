"""Dialect: what differs between the protocols that the application speaks.

The native protocol is one dialect, see `vultus.api.dialects.native`; the protocol of another service is another, with
its own router. All share limits, gates, audit and state. The layers find the dialect by path and headers, before
routing, so that a failure outside any route, such as an unknown path, too large a body or an overloaded server, is also
answered in the shape that the caller expects. Bytes that are no HTTP request have no path;
`vultus.server.protocol_errors` answers them in the native shape.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.responses import Response

from vultus.api.errors import Problem
from vultus.records.stored import ApiKey
from vultus.storage.keys import KeyStore


async def _ignore_unread(request: Request) -> None:
    """For protocols whose clients send more than they need to."""


def no_request_id(headers: Headers) -> None:
    """For protocols whose clients send no id of a request: each has a new one."""


@dataclass(frozen=True)
class Dialect:
    """One protocol. Its routes use `Gate` and `State` like the native ones, with their own audit actions.

    authenticate: the key of a request. Blocking work belongs in a thread; to check a signature it may read the body,
    within the limits. Raises MissingApiKey or InvalidApiKey. write_error: the answer for a problem and a request id,
    with the problem's headers. read_request_id: the id that the caller sent, None for a new one; raises InvalidRequest.
    The id goes to log and audit as it is, so the rule bounds its length and characters. request_id_header: set on every
    answer. refuse_unread: raises InvalidRequest for what the route of a request would ignore; by default all is taken.
    prefix: of its paths, as in "/api/v1"; none means every path. routers: each names its paths in full. claims: for a
    dialect without a prefix, whether a request with this decoded path and these headers is one of its own. name: as
    VULTUS_DIALECTS has it.
    """

    authenticate: Callable[[Request, KeyStore, datetime], Awaitable[ApiKey]]
    write_error: Callable[[Problem, str], Response]
    read_request_id: Callable[[Headers], str | None]
    request_id_header: str
    refuse_unread: Callable[[Request], Awaitable[None]] = _ignore_unread
    prefix: str = ""
    routers: Sequence[APIRouter] = ()
    claims: Callable[[str, Headers], bool] | None = None
    name: str = "native"

    def speaks(self, path: str, headers: Headers) -> bool:
        """Whether a request is claimed by this dialect, or its decoded path is under the dialect's prefix."""
        if self.claims is not None:
            return self.claims(path, headers)
        prefix = self.prefix
        return not prefix or path == prefix or path.startswith(f"{prefix}/")


def dialect_of(path: str, headers: Headers, dialects: Sequence[Dialect]) -> Dialect:
    """The first dialect that speaks at a path; the last of them, the native one, speaks at every path."""
    return next(dialect for dialect in dialects if dialect.speaks(path, headers))
