"""Refuses what a call would not read: unknown query parameters, parameters sent twice, a body where none is taken.

Ignored, they would change what a call means: `DELETE /collections/x?subject=a` would erase the whole collection.
"""

from __future__ import annotations

from collections import Counter

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel

from vultus.errors import InvalidRequest

NOTHING = (b"", b"{}")  # some clients send an empty object when they have nothing to send
WITHOUT_BODY = ("GET", "HEAD")  # a body has no meaning there (RFC 9110, 9.3.1), and some clients always send one


async def refuse_unread(request: Request) -> None:
    """Raises InvalidRequest, naming what the route does not read."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    takes_body = "requestBody" in (route.openapi_extra or {})
    _refuse_unknown(request, query_parameters(route), takes_body=takes_body)
    if not takes_body and request.method not in WITHOUT_BODY and (await request.body()).strip() not in NOTHING:
        raise InvalidRequest("this call takes no body, and would ignore what you sent; send it without one")


async def refuse_repeated(request: Request) -> None:
    """Raises InvalidRequest for a parameter of the query sent twice; for protocols that ignore what they do not know.

    Else the last one would win: `DELETE .../faces?subject=a&subject=` would erase all subjects.
    """
    for name, times in _sent(request).items():
        if times > 1:
            raise _repeated(name)


def query_parameters(route: APIRoute) -> list[str]:
    """The names of the query parameters that a route declares, one by one or as a model."""
    names: list[str] = []
    for parameter in route.dependant.query_params:
        kind = parameter.field_info.annotation
        fields = kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else [parameter.alias]
        names.extend(fields)
    return names


def _refuse_unknown(request: Request, known: list[str], *, takes_body: bool) -> None:
    for name, times in _sent(request).items():
        if name not in known:
            takes = f"the parameters of this call are {', '.join(known)}" if known else "this call takes none"
            where = "; send its fields in the body" if takes_body else ""
            raise InvalidRequest(f"unknown query parameter {name[:60]!a}; {takes}{where}")
        if times > 1:
            raise _repeated(name)


def _sent(request: Request) -> Counter[str]:
    """How often each parameter of the query was sent, by name."""
    return Counter(name for name, _ in request.query_params.multi_items())


def _repeated(name: str) -> InvalidRequest:
    return InvalidRequest(f"query parameter {name[:60]!a} is sent twice; send it once")
