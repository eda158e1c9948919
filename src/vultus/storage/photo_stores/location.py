"""VULTUS_PHOTO_URL: where the photos are stored, and the store that is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vultus.errors import SettingsInvalid
from vultus.storage.photo_stores.s3 import S3PhotoStore
from vultus.storage.photos import LocalPhotoStore, PhotoStore

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # docs.aws.amazon.com, "General purpose bucket naming rules"
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*")
_EXAMPLE = "write one like file:///folder/photos or s3://bucket/prefix"


@dataclass(frozen=True)
class S3Location:
    """A place in a bucket. prefix: without a slash at its ends; may be empty."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


def photo_location(url: str | None, data_dir: Path) -> Path | S3Location:
    """What a URL names; None: the folder photos in the data folder. Raises SettingsInvalid.

    No refusal quotes the URL: it may hold a password by mistake.
    """
    if url is None:
        return data_dir.absolute() / "photos"
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc or ":" in parts.netloc:
        raise SettingsInvalid(
            "VULTUS_PHOTO_URL names only a place: credentials, endpoint and region are AWS_* variables; " + _EXAMPLE
        )
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and len(parts.path) > 1:
        return Path(unquote(parts.path))
    prefix = parts.path.strip("/")
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc):
        raise SettingsInvalid(f"VULTUS_PHOTO_URL names no folder and no bucket; {_EXAMPLE}")
    if prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
        raise SettingsInvalid("the prefix in VULTUS_PHOTO_URL takes letters, digits, - _ . and / between its parts")
    return S3Location(parts.netloc, prefix)


def open_photos(location: Path | S3Location) -> PhotoStore:
    """The store there; nothing is contacted yet. Raises SettingsInvalid."""
    if isinstance(location, Path):
        return LocalPhotoStore(location)
    return S3PhotoStore(location.bucket, location.prefix)
