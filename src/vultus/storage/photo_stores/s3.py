"""Photos in S3-compatible object storage, by obstore: one object each, prefix/ab/cd/abcd..., as in the local folder.

Endpoint, region and credentials come from the usual AWS_* variables of the process.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

from vultus.errors import InvalidRequest, NotFound, NotReady, SettingsInvalid, StorageFailed
from vultus.storage.photo_stores.s3_errors import s3_errors

CONNECT_SECONDS, REQUEST_SECONDS = 3.0, 10.0
MAX_RETRIES, RETRY_SECONDS = 3, 15.0  # no retry begins after RETRY_SECONDS
PAGE_OBJECTS = 1000  # S3 lists no more at once
PROBE = ".vultus-probe-"
_KEY = re.compile(r"[0-9a-f]{64}")


def installed_obstore() -> Any:
    """The package, which is optional. Raises SettingsInvalid without it."""
    try:
        return import_module("obstore")
    except ImportError as exc:
        raise SettingsInvalid("photos in S3 need obstore; run: .venv/bin/pip install obstore, and start again") from exc


class S3PhotoStore:
    """Photos as objects of a bucket. Requests are retried a few times; methods may raise NotReady, StorageFailed."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        """Contacts nothing yet. Raises SettingsInvalid, without obstore or when the AWS_* variables cannot be used."""
        self._obstore = installed_obstore()
        self._store = open_bucket(bucket, prefix)
        base: type[Exception] = import_module("obstore.exceptions").BaseError
        self._errors = partial(s3_errors, bucket, base)
        self.place = f"s3://{bucket}/{prefix}".rstrip("/")

    def require_usable(self) -> None:
        """Put, read and delete a probe. Raises StorageFailed, which says what to do, when one is not possible."""
        path, content = f"{PROBE}{secrets.token_hex(8)}", b"vultus"
        try:
            with self._errors():
                self._obstore.put(self._store, path, content)
                same = bytes(self._obstore.get(self._store, path).bytes()) == content
                self._obstore.delete(self._store, path)
        except NotReady as exc:
            raise StorageFailed(
                "the object storage of the photos does not answer; see that it runs, and that AWS_ENDPOINT_URL and "
                "AWS_REGION name it"
            ) from exc
        if not same:
            raise StorageFailed(f"{self.place} does not give back what is stored in it; see what is in front of it")

    def first_page(self) -> None:
        """List one page, which shows whether the bucket answers. Raises StorageFailed, NotReady."""
        with self._errors():
            next(iter(self._obstore.list(self._store, chunk_size=1)), None)

    def put(self, data: bytes) -> str:
        """Store the bytes durably and return their key; the same bytes again are stored once."""
        key = hashlib.sha256(data).hexdigest()
        if self.size(key) != len(data):  # absent, or not what we stored; two writers at once store the same
            with self._errors():
                self._obstore.put(self._store, _path(key), data)
        return key

    def get(self, key: str) -> bytes:
        """The stored bytes. Raises: NotFound, InvalidRequest (no key), StorageFailed (also when damaged)."""
        path = _path(key)
        with self._errors(lambda: NotFound(f"no photo {key[:12]}... is stored; it may have been erased")):
            data = bytes(self._obstore.get(self._store, path).bytes())
        if hashlib.sha256(data).hexdigest() != key:
            raise StorageFailed(f"photo {key[:12]}... is damaged; restore it from a backup, or erase its face")
        return data

    def exists(self, key: str) -> bool:
        """Whether the photo is stored. Raises: InvalidRequest (no key)."""
        return self.size(key) is not None

    def size(self, key: str) -> int | None:
        """How many bytes are stored, None when there is no such photo. Raises: InvalidRequest (no key)."""
        path = _path(key)
        try:
            with self._errors(lambda: NotFound("")):
                return int(self._obstore.head(self._store, path)["size"])
        except NotFound:
            return None

    def delete(self, key: str) -> None:
        """Erase a photo; a missing one is fine. Raises: InvalidRequest (no key)."""
        path = _path(key)
        try:
            with self._errors(lambda: NotFound("")):
                self._obstore.delete(self._store, path)
        except NotFound:
            return

    def keys(self) -> Iterator[str]:
        """All keys, in no order, listed a page at a time."""
        with self._errors():
            for page in self._obstore.list(self._store, chunk_size=PAGE_OBJECTS):
                names = (found["path"].rpartition("/")[2] for found in page)
                yield from (name for name in names if _KEY.fullmatch(name))


def open_bucket(bucket: str, prefix: str) -> Any:
    """The store of obstore there; nothing is contacted yet. Raises SettingsInvalid."""
    retry = {
        "max_retries": MAX_RETRIES,
        "retry_timeout": timedelta(seconds=RETRY_SECONDS),
        "backoff": {
            "init_backoff": timedelta(milliseconds=100),
            "max_backoff": timedelta(seconds=2),
            "base": 2,
        },
    }
    client = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"),
    }
    try:
        store = import_module("obstore.store").S3Store
        return store(bucket, prefix=prefix or None, client_options=client, retry_config=retry)
    except (ValueError, import_module("obstore.exceptions").BaseError) as exc:
        raise SettingsInvalid("the AWS_* variables cannot be used; see their spelling and values") from exc


def _path(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidRequest("a photo key is 64 hex digits, the sha256 of the photo; this is none")
    return f"{key[:2]}/{key[2:4]}/{key}"
