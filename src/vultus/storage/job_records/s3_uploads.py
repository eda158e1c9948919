"""The uploads of jobs in S3, for servers that share a database and have their photos there: an object each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path

from vultus.errors import NotFound
from vultus.storage.job_records.uploads import GONE, FolderUploads, disk_errors
from vultus.storage.photo_stores.s3 import PAGE_OBJECTS, installed_obstore, open_bucket
from vultus.storage.photo_stores.s3_errors import s3_errors

PREFIX = ".uploads"
RANGE_BYTES = 4 << 20  # read with each request: one has ten seconds


class S3Uploads:
    """Uploads beside the photos of a bucket. `folder` has copies while they are written and read."""

    def __init__(self, bucket: str, prefix: str, folder: Path) -> None:
        """Contacts nothing yet. Raises SettingsInvalid, without obstore or when the AWS_* variables cannot be used."""
        self._obstore = installed_obstore()
        self._store = open_bucket(bucket, prefix)
        self._errors = partial(s3_errors, bucket, import_module("obstore.exceptions").BaseError)
        self._here = FolderUploads(folder)
        self.new = self._here.new

    def keep(self, file: Path, job_id: str) -> None:
        """See `Uploads`."""
        with self._errors():
            self._obstore.put(self._store, _path(job_id), file)

    @contextmanager
    def opened(self, job_id: str) -> Iterator[Path]:
        """See `Uploads`: copied to a file of this machine, which goes at the end."""
        with self.new() as copy:
            size = self._size(job_id)
            with disk_errors(), copy.open("wb") as file:
                for start in range(0, size, RANGE_BYTES):
                    file.write(self._range(job_id, start, min(start + RANGE_BYTES, size)))
            yield copy

    def remove(self, job_id: str) -> None:
        """See `Uploads`."""
        with suppress(NotFound), self._errors(lambda: NotFound(GONE)):
            self._obstore.delete(self._store, _path(job_id))

    def kept(self) -> Iterator[tuple[str, float]]:
        """See `Uploads`; also what lies in the folder."""
        yield from self._here.kept()
        with self._errors():
            for page in self._obstore.list(self._store, prefix=PREFIX, chunk_size=PAGE_OBJECTS):
                for found in page:
                    age = datetime.now(UTC) - found["last_modified"]
                    yield found["path"].rpartition("/")[2], age.total_seconds()

    def _size(self, job_id: str) -> int:
        with self._errors(lambda: NotFound(GONE)):
            return int(self._obstore.head(self._store, _path(job_id))["size"])

    def _range(self, job_id: str, start: int, end: int) -> bytes:
        with self._errors(lambda: NotFound(GONE)):
            return bytes(self._obstore.get_range(self._store, _path(job_id), start=start, end=end))


def _path(job_id: str) -> str:
    return f"{PREFIX}/{job_id}"
