"""Fetches one file over HTTP: resumes a broken transfer, checks the SHA-256 before the file gets its name.

The received bytes are in `<name>.part`, the server's validator in `<name>.part.json`: If-Range (RFC 9110, section
13.1.5) makes sure that the rest belongs to the same file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from vultus.errors import ModelInvalid, ModelNotInstalled, StorageFailed
from vultus.files import CHUNK_BYTES, read_regular, sync_folder

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
MAX_BYTES = 4 << 30  # more than any weight file; an endless answer must not fill the disk

Progress = Callable[[int, int | None], None]
"""Called with the bytes received so far, and the total if the server gives it."""
ClientFactory = Callable[[], AbstractContextManager[httpx.Client]]


def default_client() -> httpx.Client:
    """A client that follows redirects, uses the environment's proxies, and has short time limits."""
    return httpx.Client(timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS), follow_redirects=True)


@dataclass(frozen=True)
class Download:
    """A file to fetch. sha256: in lower-case hexadecimal. other_way: what to do on a machine without internet."""

    url: str
    destination: Path
    sha256: str
    other_way: str

    @property
    def part(self) -> Path:
        return part_of(self.destination)

    @property
    def note(self) -> Path:
        return self.destination.with_name(f"{self.destination.name}.part.json")

    def fetch(self, client: ClientFactory, progress: Progress) -> None:
        """Fetch the file. The received part is kept for the next attempt only where the connection broke.

        Raises: ModelNotInstalled when it cannot be fetched; ModelInvalid when it is another file; StorageFailed when it
        cannot be written.
        """
        try:
            with client() as http:
                self._transfer(http, progress)
            self._finish()
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise self._failed(str(exc) or type(exc).__name__) from exc
        except OSError as exc:
            self.discard()
            raise StorageFailed(
                f"{self.url} cannot be kept at {self.destination}: {exc.strerror or exc}; make room in the model "
                "folder, or make it writable, or set VULTUS_MODEL_DIR to another one"
            ) from exc

    def discard(self) -> None:
        """Remove the part and its note."""
        for path in (self.part, self.note):
            path.unlink(missing_ok=True)

    def _transfer(self, http: httpx.Client, progress: Progress) -> None:
        """Append the missing bytes to the part."""
        validator = self._validator()
        start = self.part.stat().st_size if validator and self.part.is_file() else 0
        headers = {"Accept-Encoding": "identity"}  # the digest is that of the file, and ranges count its bytes
        if start and validator:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        with http.stream("GET", self.url, headers=headers) as response:
            resumed = response.status_code == 206 and _starts_at(response, start)
            if not resumed and response.status_code != 200:
                self.discard()  # 416, or the rest of another file: the next attempt starts at 0
                raise self._failed(f"the server answered {response.status_code} {response.reason_phrase}")
            if not resumed:
                start = 0
                self._remember(response)
            self._write(response, start, progress)

    def _write(self, response: httpx.Response, start: int, progress: Progress) -> None:
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        with self.part.open("ab" if start else "wb") as file:
            progress(start, total)
            for chunk in response.iter_raw(CHUNK_BYTES):
                file.write(chunk)
                start += len(chunk)
                if start > MAX_BYTES:
                    self.discard()
                    raise self._failed(f"it has more than {MAX_BYTES} bytes")
                progress(start, total)
            file.flush()
            os.fsync(file.fileno())

    def _finish(self) -> None:
        """Rename the part to the file if its digest is right; discard it otherwise."""
        digest = hashlib.sha256()
        with self.part.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
        if digest.hexdigest() != self.sha256:
            self.discard()
            raise ModelInvalid(
                f"{self.url} is not the expected file: its SHA-256 is {digest.hexdigest()}, not {self.sha256}; "
                f"nothing of it was kept; {self.other_way}"
            )
        os.replace(self.part, self.destination)
        self.note.unlink(missing_ok=True)
        sync_folder(self.destination.parent)

    def _remember(self, response: httpx.Response) -> None:
        """Note the server's validator of this file; without one a broken transfer starts at 0 again."""
        self.discard()
        tag = response.headers.get("ETag", "")
        validator = tag if tag.startswith('"') else response.headers.get("Last-Modified")  # "W/" tags are too weak
        if validator:
            self.note.write_text(json.dumps({"url": self.url, "validator": validator}), "utf-8")

    def _validator(self) -> str | None:
        try:
            note: Any = json.loads(read_regular(self.note))
        except (OSError, ValueError):
            return None
        known = isinstance(note, dict) and note.get("url") == self.url
        return str(note["validator"]) if known and "validator" in note else None

    def _failed(self, why: str) -> ModelNotInstalled:
        return ModelNotInstalled(f"{self.url} (SHA-256 {self.sha256}) could not be fetched: {why}; {self.other_way}")


def part_of(destination: Path) -> Path:
    """The path of the received part; written only under the lock of this file."""
    return destination.with_name(f"{destination.name}.part")


def _starts_at(response: httpx.Response, start: int) -> bool:
    return bool(start) and str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-")
