"""The windows of the rate limits in memory that worker processes share, so that a limit holds over all of them.

    bucket 0                                    bucket 1 ...
    | window | window | ... 8 of 24 bytes |     a window: digest of the key's id, when it began, its requests

A key belongs to one bucket. A ninth key in a bucket takes the place of the window that began first.
"""

from __future__ import annotations

import fcntl
import mmap
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

from vultus.api.rate_limiting.rate_limits import Change, Window

WINDOW = struct.Struct("=8sdQ")  # begun: by the monotonic clock, which all processes of a machine share
WINDOWS_OF_A_BUCKET = 8
BUCKET_BYTES = WINDOW.size * WINDOWS_OF_A_BUCKET
BUCKETS = 4096
SHARED_BYTES = BUCKET_BYTES * BUCKETS


class SharedWindows:
    """Windows for the threads of all processes that hold the file."""

    def __init__(self, descriptor: int) -> None:
        """descriptor: of a file of SHARED_BYTES zero bytes, the same in all processes; this object's from now on."""
        self._descriptor = descriptor
        self._bytes = mmap.mmap(descriptor, SHARED_BYTES)
        self._lock = threading.Lock()  # the lock of the file is one between processes, not between threads

    def change(self, key_id: str, change: Change) -> Window:
        """Replace the window of a key by what `change` makes of it; None when it has none."""
        digest = blake2b(key_id.encode(), digest_size=8).digest()
        bucket = int.from_bytes(digest, "little") % BUCKETS * BUCKET_BYTES
        with self._lock, _file_lock(self._descriptor, bucket):
            windows = {
                start: WINDOW.unpack_from(self._bytes, start)
                for start in range(bucket, bucket + BUCKET_BYTES, WINDOW.size)
            }
            place = next((start for start, window in windows.items() if window[0] == digest), None)
            if place is None:
                new = change(None)
                place = min(windows, key=lambda start: windows[start][1])
            else:
                new = change(windows[place][1:])
            WINDOW.pack_into(self._bytes, place, digest, *new)
        return new


@contextmanager
def _file_lock(descriptor: int, start: int) -> Iterator[None]:
    fcntl.lockf(descriptor, fcntl.LOCK_EX, BUCKET_BYTES, start)
    try:
        yield
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, BUCKET_BYTES, start)
