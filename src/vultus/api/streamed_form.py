"""A form with one large file, which goes to the disk while it arrives; its other fields stay in memory."""

from __future__ import annotations

from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from vultus.api.body import SEND_JSON_OR_FORM, Form
from vultus.api.state import AppState
from vultus.errors import InvalidRequest, RequestTooLarge, StorageFailed
from vultus.schemas.field_types import FilePart

MAX_TEXT_BYTES = 64 * 1024  # of all other fields together
CHUNK_BYTES = 1 << 20


async def receive_form(request: Request, file: Path, state: AppState) -> list[tuple[str, str | FilePart]]:
    """The fields of a form; the content of its one file is written to `file`, and is empty in its FilePart.

    Raises InvalidRequest, RequestTooLarge, StorageFailed; what the limits of the body raise.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    with StreamedForm(options.get(b"boundary", b""), file) as form:
        waiting = bytearray()
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= CHUNK_BYTES:
                await state.receive(form.write, bytes(waiting))
                waiting.clear()
        await state.receive(form.write, bytes(waiting))
        return form.finished()


class StreamedForm(Form):
    """Parses a form as it arrives. Blocks while it writes."""

    def __init__(self, boundary: bytes, file: Path) -> None:
        """Raises InvalidRequest, without a boundary; StorageFailed."""
        super().__init__(boundary)
        self._require_boundary()
        self._streaming = self._parser()
        self._text_bytes, self._files = 0, 0
        self._to_disk = False
        try:
            self._disk = file.open("wb")
        except OSError as exc:
            raise _disk_failed(exc) from exc

    def __enter__(self) -> StreamedForm:
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.close()

    def write(self, chunk: bytes) -> None:
        """Parse what arrived next."""
        try:
            self._streaming.write(chunk)
        except FormParserError as exc:
            raise InvalidRequest(f"the form is malformed; {SEND_JSON_OR_FORM}") from exc
        except OSError as exc:
            raise _disk_failed(exc) from exc

    def finished(self) -> list[tuple[str, str | FilePart]]:
        """The fields, once all arrived. Raises InvalidRequest, StorageFailed."""
        try:
            self._disk.flush()
        except OSError as exc:
            raise _disk_failed(exc) from exc
        return self._whole()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._to_disk = self._is_file(options)
        self._files += self._to_disk
        if self._files > 1:
            raise InvalidRequest("the form has two files; send one archive, with all photos in it")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._to_disk:
            self._disk.write(data[start:end])
            return
        self._text_bytes += end - start
        if self._text_bytes > MAX_TEXT_BYTES:
            raise RequestTooLarge(
                f"the fields beside the file have over {MAX_TEXT_BYTES} bytes; send the file as a file"
            )
        super()._data(data, start, end)


def _disk_failed(exc: OSError) -> StorageFailed:
    return StorageFailed(f"the archive could not be stored ({exc.strerror}); check the disk and its free space")
