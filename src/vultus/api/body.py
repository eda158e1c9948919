"""Reads a request body, form or JSON, into one set of validated fields.

Forms are parsed in memory: no uploaded photo is written to a temporary file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from vultus.api.errors import request_sentence
from vultus.api.state import app_state
from vultus.errors import InvalidRequest, RequestTooLarge
from vultus.json_text import LARGE, LoneSurrogate, count_values, parse_json
from vultus.schemas.field_types import FilePart, ImageLimits
from vultus.schemas.requests import CallFields

Fields = TypeVar("Fields", bound=CallFields)
MAX_PARTS = 200
JSON_TYPE = "application/json"
URLENCODED = b"application/x-www-form-urlencoded"
FILE_TYPES = ("image/", "application/octet-stream")
SEND_JSON_OR_FORM = "send a JSON object as application/json, or a form as multipart/form-data"


async def read_fields(request: Request, kind: type[Fields]) -> Fields:
    """The body's fields. Raises InvalidRequest, InvalidImage or RequestTooLarge, naming the field."""
    state = app_state(request)
    fetch = state.fetcher.budget().fetch if state.fetcher else None
    limits = ImageLimits(state.settings.max_image_bytes, state.settings.max_enroll_images, fetch)
    body = await request.body()
    content_type = request.headers.get("content-type", "")
    if count_values(body) < LARGE:
        return await state.run(parse_fields, body, content_type, kind, limits)
    async with state.large_input:
        return await state.run(parse_fields, body, content_type, kind, limits)


def parse_fields(body: bytes, content_type: str, kind: type[Fields], limits: ImageLimits) -> Fields:
    """Validated fields from a body. content_type: as in the HTTP header, "" when there was none."""
    return _validated(_read(body, content_type, kind), kind, limits)


def fields_of_form(parts: Iterable[tuple[str, str | FilePart]], kind: type[Fields], limits: ImageLimits) -> Fields:
    """Validated fields from the parts of a form. Raises as `read_fields`."""
    return _validated(_from_form(parts, kind), kind, limits)


def _validated(values: dict[str, Any], kind: type[Fields], limits: ImageLimits) -> Fields:
    if kind.takes_unknown:
        values = {name: value for name, value in values.items() if name in kind.model_fields}
    _refuse_unknown(values, kind)
    present = {name: value for name, value in values.items() if value is not None}
    try:
        return kind.model_validate(present, context=limits)
    except ValidationError as exc:
        raise InvalidRequest(request_sentence(exc.errors(include_input=False, include_url=False))) from exc


def _read(body: bytes, content_type: str, kind: type[CallFields]) -> dict[str, Any]:
    media_type, options = parse_options_header(content_type)
    if not body:
        return {}
    if media_type == b"multipart/form-data":
        return _from_form(Form(options.get(b"boundary", b"")).parts(body), kind)
    if kind.takes_unknown and media_type == URLENCODED and not body.lstrip().startswith(b"{"):
        return _from_form(_urlencoded(body), kind)
    return _from_json(body, media_type, kind)


def _refuse_unknown(values: Iterable[str], kind: type[CallFields]) -> None:
    unknown = [name for name in values if name not in kind.model_fields]
    if unknown:
        known = ", ".join(kind.model_fields)
        raise InvalidRequest(f"unknown field {unknown[0][:60]!a}; the fields of this call are {known}")


# --- JSON ---------------------------------------------------------------------------------------------------------


def _from_json(body: bytes, media_type: bytes, kind: type[CallFields]) -> dict[str, Any]:
    """Parses JSON whatever type is declared: clients forget the header, and curl -d declares another one."""
    try:
        values = parse_json(body, object_pairs_hook=_without_duplicates(kind))
    except LoneSurrogate as exc:
        where = f'field "{exc.field}"' if exc.field in kind.model_fields else "the JSON body"
        raise InvalidRequest(f"{where} {exc}") from exc
    except ValueError as exc:
        declared_json = media_type == b"application/json" or media_type.endswith(b"+json")
        what = "the body is not valid JSON" if declared_json else "the body is neither JSON nor a form"
        raise InvalidRequest(f"{what}; {SEND_JSON_OR_FORM}") from exc
    if not isinstance(values, dict):
        raise InvalidRequest('the JSON body is not an object; send {"field": value, ...}')
    return values


def _without_duplicates(kind: type[CallFields]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in pairs:
            if name in values:
                raise _sent_twice(name, kind)
            values[name] = value
        return values

    return to_object


def _sent_twice(name: str, kind: type[CallFields]) -> InvalidRequest:
    shown = f'field "{name}"' if name in kind.model_fields else "a field"
    return InvalidRequest(f"{shown} is sent twice; send it once")


# --- forms --------------------------------------------------------------------------------------------------------


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    """Name and content of each field. Raises InvalidRequest or RequestTooLarge."""
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARTS)
    except UnicodeDecodeError as exc:
        raise InvalidRequest("the form is not percent-encoded UTF-8; encode each value of it") from exc
    except ValueError as exc:
        raise RequestTooLarge(f"the form has more than {MAX_PARTS} fields; send fewer") from exc


def _from_form(parts: Iterable[tuple[str, str | FilePart]], kind: type[CallFields]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in parts:
        if name in kind.repeatable:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise _sent_twice(name, kind)
        else:
            values[name] = value
    return values


class Form:
    """One multipart/form-data body. A part with a file name or an image's content type is a file, any other is text.

    So is a part of declared JSON: browsers give each part with a content type a file name.
    """

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._parts: list[tuple[str, str | FilePart]] = []
        self._header: tuple[bytes, bytes] = (b"", b"")
        self._headers: dict[bytes, bytes] = {}
        self._content = bytearray()
        self._ended = False

    def parts(self, body: bytes) -> list[tuple[str, str | FilePart]]:
        """Name and content of each part, in the order sent. Raises InvalidRequest or RequestTooLarge."""
        self._require_boundary()
        try:
            self._parser().write(body)
        except FormParserError as exc:
            raise InvalidRequest(f"the form is malformed; {SEND_JSON_OR_FORM}") from exc
        return self._whole()

    def _require_boundary(self) -> None:
        if not self._boundary:
            raise InvalidRequest("the Content-Type names no boundary; let the HTTP client set this header")

    def _whole(self) -> list[tuple[str, str | FilePart]]:
        if not self._ended:
            raise InvalidRequest("the form is cut off: its closing boundary is missing; send it again whole")
        return self._parts

    def _parser(self) -> MultipartParser:
        return MultipartParser(
            self._boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
        )

    def _begin(self) -> None:
        if len(self._parts) >= MAX_PARTS:
            raise RequestTooLarge(f"the form has more than {MAX_PARTS} parts; send fewer")
        self._headers, self._content = {}, bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], b"")

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[name.lower()] = value
        self._header = (b"", b"")

    def _headers_end(self) -> None:
        """The headers of a part are known; its content follows."""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise InvalidRequest('a part of the form has no name; send Content-Disposition: form-data; name="..."')
        name = options[b"name"].decode("utf-8", "replace")
        self._parts.append((name, self._file(options) if self._is_file(options) else self._text(name)))

    def _is_file(self, options: dict[bytes, bytes]) -> bool:
        declared = self._headers.get(b"content-type", b"").decode("latin-1").lower()
        return (b"filename" in options and not declared.startswith(JSON_TYPE)) or declared.startswith(FILE_TYPES)

    def _file(self, options: dict[bytes, bytes]) -> FilePart:
        return FilePart(bytes(self._content), options.get(b"filename", b"").decode("utf-8", "replace"))

    def _text(self, name: str) -> str:
        try:
            return self._content.decode("utf-8")
        except UnicodeDecodeError as exc:
            shown = ascii(name[:60])
            raise InvalidRequest(f"field {shown} is not UTF-8 text; send a photo as a file part") from exc

    def _finish(self) -> None:
        self._ended = True
