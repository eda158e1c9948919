"""A CompreFace server, read over its REST API: its subjects, their examples, and the photo of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from vultus.errors import BadInput, InvalidImage, InvalidRequest, RequestTooLarge

EXAMPLES_A_PAGE = 100
TIMEOUT_SECONDS = 30.0
FACES, SUBJECTS = "/api/v1/recognition/faces", "/api/v1/recognition/subjects"


class ServerUnreadable(BadInput):
    """The other server does not answer, or not as CompreFace does."""

    code = "invalid_request"


@dataclass(frozen=True)
class Example:
    """An example of a subject. name: for reports."""

    subject: str
    image_id: str

    @property
    def name(self) -> str:
        return f"{self.subject}/{self.image_id}"


class CompreFaceServer:
    """Used by several threads. Every method raises ServerUnreadable."""

    def __init__(self, url: str, key: str, max_bytes: int) -> None:
        """url: of the server, without the path of a call. max_bytes: of a photo. Raises InvalidRequest."""
        if not url.lower().startswith(("http://", "https://")):
            raise InvalidRequest("the address of a CompreFace server begins with http:// or https://")
        self._http = httpx.Client(base_url=url.rstrip("/"), headers={"x-api-key": key}, timeout=TIMEOUT_SECONDS)
        self._max_bytes = max_bytes

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def subjects(self) -> tuple[str, ...]:
        """The names of all subjects, those without examples too."""
        return tuple(self._list(self._json(SUBJECTS), "subjects", str))

    def examples(self) -> Iterator[Example]:
        """All examples, page by page."""
        page = 0
        while True:
            answer = self._json(FACES, page=page, size=EXAMPLES_A_PAGE)
            for one in self._list(answer, "faces", dict):
                yield Example(str(one.get("subject", "")), str(one.get("image_id", "")))
            page += 1
            if page >= int(answer.get("total_pages", 0)):
                return

    def photo(self, example: Example) -> bytes:
        """The photo of an example. Raises InvalidImage, when the server keeps none; RequestTooLarge."""
        photo = bytearray()
        try:
            with self._http.stream("GET", f"{FACES}/{example.image_id}/img") as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise self._refused(answer)
                for part in answer.iter_bytes():
                    photo += part
                    if len(photo) > self._max_bytes:
                        raise RequestTooLarge(f"the photo has more than {self._max_bytes} bytes, the limit")
        except httpx.HTTPError as exc:
            raise _no_answer(exc) from exc
        if not photo:
            raise InvalidImage("the CompreFace server keeps no photo of this example; enroll one of the person")
        return bytes(photo)

    def _json(self, path: str, **query: int) -> dict[str, Any]:
        try:
            answer = self._http.get(path, params=query)
        except httpx.HTTPError as exc:
            raise _no_answer(exc) from exc
        if answer.status_code != 200:
            raise self._refused(answer)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ServerUnreadable(f"the server does not answer {path} as CompreFace does; check the address")
        return body

    def _list(self, answer: dict[str, Any], name: str, kind: type) -> list[Any]:
        values = answer.get(name)
        if not isinstance(values, list) or not all(isinstance(one, kind) for one in values):
            raise ServerUnreadable(f'the answer has no list "{name}", as CompreFace\'s has; check the address')
        return values

    def _refused(self, answer: httpx.Response) -> ServerUnreadable:
        try:
            code = answer.json().get("code")
        except (ValueError, AttributeError):
            code = None
        said = f" and CompreFace's code {code}" if isinstance(code, int) else ""
        hint = "; give the key of a recognition service" if code in (10, 20, 26) else ""
        return ServerUnreadable(f"the server answers {answer.status_code}{said}{hint}")


def _no_answer(exc: httpx.HTTPError) -> ServerUnreadable:
    return ServerUnreadable(f"the server does not answer ({type(exc).__name__}); check the address, and that it runs")
