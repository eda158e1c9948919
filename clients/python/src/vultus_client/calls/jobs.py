"""Work in the background: many photos in one request, how far it is, and waiting for its end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from vultus_client.errors import InvalidRequest
from vultus_client.request import Call, Defaults, Page, body_of, page_of, path_of, query_of, record_of
from vultus_client.results.jobs import Job, JobDetails, JobItem

ENDED = frozenset({"done", "failed", "cancelled", "waiting"})
POLL_SECONDS = 2.0


class ArchiveFile:
    """A file as httpx sends it, again from its beginning for each try: open while it is read, and never as a whole."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidRequest, when it is no file."""
        if not path.is_file():
            raise InvalidRequest("the archive is no file; give the path of a ZIP archive, or its bytes")
        self._path, self._file = path, None

    _file: BinaryIO | None

    def read(self, size: int = -1) -> bytes:
        """The next bytes; closes the file at its end."""
        if self._file is None:
            self._file = self._path.open("rb")
        part = self._file.read(size)
        if not part:
            self._close()
        return part

    def tell(self) -> int:
        """Asked for before anything is read."""
        return 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """To the beginning; or the size, for the end."""
        self._close()
        return self._path.stat().st_size if whence == os.SEEK_END else 0

    def __iter__(self) -> Iterator[bytes]:
        while part := self.read(1 << 16):
            yield part

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def create_job(
    defaults: Defaults,
    archive: str | os.PathLike[str] | bytes | None = None,
    *,
    images: Sequence[Mapping[str, str]] | None = None,
    collection: str | None = None,
    face: str | None = None,
    strict: bool | None = None,
    model_name: str | None = None,
    webhook: str | None = None,
) -> Call[Job]:
    """Enroll many photos in the background: a ZIP archive with a folder a person, as its path or bytes.

    images: in place of it, where the service allows it: `{"url": ..., "subject": ..., "name": ...}` for each photo.
    face: "largest" (the default) or "only". webhook: an address that is told of the end. `wait` waits for it.
    """
    if (archive is None) == (images is None):
        raise InvalidRequest("give an archive, or images with their addresses: one of both")
    options: dict[str, Any] = {
        "collection": defaults.collection if collection is None else collection,
        "face": face,
        "strict": strict,
        "model_name": model_name,
        "webhook": webhook,
    }
    if archive is None:
        body = body_of(images=[dict(one) for one in images or ()], **options)
    else:
        body = body_of([("zip", b"")], **options)
        content = archive if isinstance(archive, bytes) else ArchiveFile(Path(archive))
        body["files"][-1] = ("zip", ("people.zip", content, "application/zip"))
    return Call(method="POST", path="/jobs", read=record_of(Job), body=body)


def list_jobs(defaults: Defaults, *, page_size: int | None = None) -> Call[Page[Job]]:
    """The work in the background, newest first: what this key made, or for an admin key all."""
    return Call(method="GET", path="/jobs", read=page_of(Job, "jobs"), query=query_of(limit=page_size))


def get_job(defaults: Defaults, job_id: str) -> Call[JobDetails]:
    """One job, with its progress, its counts and the first of its items."""
    return Call(method="GET", path=path_of("jobs", job_id), read=record_of(JobDetails))


def job_items(
    defaults: Defaults, job_id: str, *, outcome: str | None = None, page_size: int | None = None
) -> Call[Page[JobItem]]:
    """What became of the photos of a job, in their order. outcome: only "enrolled", "already_enrolled" or "refused"."""
    read, query = page_of(JobItem, "items"), query_of(outcome=outcome, limit=page_size)
    return Call(method="GET", path=path_of("jobs", job_id), read=read, query=query)


def cancel_job(defaults: Defaults, job_id: str) -> Call[Job]:
    """Cancel a job: at once while it is queued, after its present step when it runs."""
    return Call(method="POST", path=f"{path_of('jobs', job_id)}/cancel", read=record_of(Job))
