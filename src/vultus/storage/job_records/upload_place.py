"""Where the uploads of jobs lie: in the data folder, or where all servers of a database have their photos."""

from __future__ import annotations

from pathlib import Path

from vultus.storage.job_records.s3_uploads import S3Uploads
from vultus.storage.job_records.uploads import FolderUploads, Uploads
from vultus.storage.photo_stores.location import photo_location

FOLDER = "uploads"
SHARED_FOLDER = ".uploads"  # beside the photos, whose folders have names of two digits


def open_uploads(photo_url: str | None, data_dir: Path, *, one_server: bool) -> Uploads:
    """The uploads; nothing is contacted yet. one_server: of the database. Raises SettingsInvalid.

    The server that takes a request need not be the one that does the job, so several servers keep uploads where they
    keep their photos, which all of them reach.
    """
    here = data_dir.absolute() / FOLDER
    if one_server:
        return FolderUploads(here)
    place = photo_location(photo_url, data_dir)
    return (
        FolderUploads(place / SHARED_FOLDER) if isinstance(place, Path) else S3Uploads(place.bucket, place.prefix, here)
    )
