"""A call as a value: what is sent, how its answer is read, and whether it may be sent twice. Knows no connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Self, TypeVar, cast
from urllib.parse import quote

import httpx

from vultus_client.errors import InvalidRequest, UnexpectedAnswer
from vultus_client.results.record import OTHER_VERSION, Record, require_list

T = TypeVar("T")
R = TypeVar("R", bound=Record)
FILE_NAME = "photo"  # of every photo that is sent: names of files often are names of people
JSON_TYPE = "application/json"
Photos = Sequence[tuple[str, bytes | str]]
"""Field name and content of each photo; a text is a URL that the server fetches."""


@dataclass(frozen=True)
class Defaults:
    """What a client adds to calls that leave it out. url: of the service."""

    url: str
    collection: str = "default"


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request. repeatable: whether sending it twice does no more than once, so that a lost answer is asked again.

    read: makes the result of a successful answer; raises UnexpectedAnswer.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    repeatable: bool = True
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])  # as httpx takes it: content and headers, or files

    def after(self, cursor: str) -> Self:
        """The same list from a cursor on."""
        return replace(self, query={**self.query, "cursor": cursor})


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list. next_cursor: None at the end."""

    items: tuple[T, ...]
    next_cursor: str | None


def path_of(*segments: str) -> str:
    """A path whose segments may be any text. Raises InvalidRequest."""
    return "".join(f"/{_segment(one)}" for one in segments)


def _segment(text: str) -> str:
    if not text:
        raise InvalidRequest("an id or a name is empty; give the one that the service knows")
    quoted = quote(unicode_text(text), safe="")
    return quoted if text.strip(".") else quoted.replace(".", "%2E")  # "..": would lead to another path


def unicode_text(text: str) -> str:
    """Raises InvalidRequest, when a text has no UTF-8, like a file name in another encoding."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidRequest(f"the text {text!a} is not valid Unicode; write it in UTF-8") from exc
    return text


def query_of(**values: Any) -> dict[str, str]:
    """Query parameters without those that are None."""
    return {name: _as_text(value) for name, value in values.items() if value is not None}


def body_of(photos: Photos = (), **values: Any) -> dict[str, Any]:
    """A form where photos are sent, else JSON; values that are None are left out. Raises InvalidRequest."""
    present = {name: value for name, value in values.items() if value is not None}
    if not photos:
        return {"content": _json(present), "headers": {"content-type": JSON_TYPE}}
    parts: list[tuple[str, Any]] = [(name, (None, _as_text(value))) for name, value in present.items()]
    for name, photo in photos:
        parts.append(
            (name, (None, photo) if isinstance(photo, str) else (FILE_NAME, photo, "application/octet-stream"))
        )
    return {"files": parts}


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return unicode_text(value)
    return value.isoformat() if isinstance(value, datetime) else _json(value)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, default=_as_json)
    except (TypeError, ValueError) as exc:
        raise InvalidRequest(f"a value cannot be sent as JSON: {exc}") from exc


def _as_json(value: Any) -> Any:
    """Moments, and arrays of numbers as numpy has them."""
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is neither text, number, list, mapping nor moment")


# --- readers of answers ---------------------------------------------------------------------------------------------


def json_of(response: httpx.Response) -> Any:
    """Raises UnexpectedAnswer, when the body is not JSON."""
    try:
        return response.json()
    except ValueError as exc:
        raise UnexpectedAnswer(f"the answer is not JSON; {OTHER_VERSION}", status=response.status_code) from exc


def object_of(response: httpx.Response) -> Mapping[str, Any]:
    """A JSON object as it is. Raises UnexpectedAnswer, when the body is none."""
    answer = json_of(response)
    if not isinstance(answer, dict):
        raise UnexpectedAnswer(f"the answer is no JSON object; {OTHER_VERSION}")
    return cast(dict[str, Any], answer)


def record_of(kind: type[R]) -> Callable[[httpx.Response], R]:
    """Reads one object."""
    return lambda response: kind.from_json(json_of(response))


def list_of(kind: type[R], name: str) -> Callable[[httpx.Response], tuple[R, ...]]:
    """Reads the list under a name."""
    return lambda response: page_of(kind, name)(response).items


def page_of(kind: type[R], name: str) -> Callable[[httpx.Response], Page[R]]:
    """Reads one page of the list under a name."""

    def read(response: httpx.Response) -> Page[R]:
        answer = object_of(response)
        items: Any = answer.get(name)
        require_list(items, name)
        return Page(tuple(kind.from_json(one) for one in items), answer.get("next_cursor"))

    return read


def bytes_of(response: httpx.Response) -> bytes:
    """The body as it is."""
    return response.content


def text_of(response: httpx.Response) -> str:
    """The body as text."""
    return response.text
