"""The archives and lists of jobs that are not finished, as files of a folder; each goes when its job has ended.

They hold photos of people, so they are readable by this user only, and nothing of them outlives the job.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from vultus.errors import NotFound, StorageFailed
from vultus.files import PRIVATE, make_folders, sync_folder

_TEMPORARY = ".tmp-"
_JOB_ID = re.compile(r"[0-9a-f]{32}")
GONE = "what the job was to enroll is no longer stored; send it again"


class Uploads(Protocol):
    """Files by the id of their job. Every method may raise StorageFailed."""

    def new(self) -> AbstractContextManager[Path]:
        """An empty file of this machine to write to; it is removed at the end, unless it was kept."""

    def keep(self, file: Path, job_id: str) -> None:
        """Keep a file durably for a job, where every server of the database finds it."""

    def opened(self, job_id: str) -> AbstractContextManager[Path]:
        """The file of a job, to read. Raises: NotFound."""

    def remove(self, job_id: str) -> None:
        """Remove the file of a job; a missing one is fine."""

    def kept(self) -> Iterator[tuple[str, float]]:
        """The ids of the jobs that have a file, with its age in seconds."""


class FolderUploads:
    """Uploads in a folder, made when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def new(self) -> Iterator[Path]:
        """See `Uploads`."""
        file = self._folder / f"{_TEMPORARY}{uuid4().hex}"
        with disk_errors():
            make_folders(self._folder)
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)

    def keep(self, file: Path, job_id: str) -> None:
        """See `Uploads`."""
        with disk_errors():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
            file.replace(self._path(job_id))
            sync_folder(self._folder)

    @contextmanager
    def opened(self, job_id: str) -> Iterator[Path]:
        """See `Uploads`."""
        file = self._path(job_id)
        if not file.is_file():
            raise NotFound(GONE)
        yield file

    def remove(self, job_id: str) -> None:
        """See `Uploads`. Also a file that was being written when its process died."""
        with disk_errors(), suppress(FileNotFoundError):
            self._path(job_id).unlink()
            sync_folder(self._folder)

    def kept(self) -> Iterator[tuple[str, float]]:
        """See `Uploads`. Also the names of files that are being written, or were when their process died."""
        with disk_errors():
            entries = list(self._folder.iterdir()) if self._folder.is_dir() else []
            for entry in entries:
                with suppress(FileNotFoundError):
                    yield entry.name, time.time() - entry.stat().st_mtime

    def _path(self, name: str) -> Path:
        if not (_JOB_ID.fullmatch(name) or name.startswith(_TEMPORARY)) or "/" in name:
            raise NotFound(GONE)
        return self._folder / name


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raises: StorageFailed, for an error of the disk."""
    try:
        yield
    except OSError as exc:
        raise StorageFailed(
            f"the folder of the uploads failed ({exc.strerror}); check the disk, its free space and the folder"
        ) from exc
