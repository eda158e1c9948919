"""Takes samples of what is stored and how much room there is, for whoever watches the service.

A sample counts rows and asks the disk, which takes longer the more is stored. So a thread of its own takes it, when
somebody asks and the last one is old: SAMPLE_SECONDS, or SHARE times as long as the last one took, if that is more. The
caller waits WAIT_SECONDS for it and then gets the last one; only the very first is waited for to its end.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from vultus.backup.last_backup import read_last_backup
from vultus.errors import StorageFailed
from vultus.records.samples import CollectionSize, LoadedModel, Sample
from vultus.storage.gallery_reader import GalleryReader

log = logging.getLogger(__name__)

SAMPLE_SECONDS = 15.0
SHARE = 50.0  # at most a fiftieth of the time is spent on samples
WAIT_SECONDS = 2.0


class Models(Protocol):
    """The recognition models of this process."""

    @property
    def device(self) -> str: ...

    @property
    def precision(self) -> str: ...

    def loaded(self) -> tuple[LoadedModel, ...]:
        """Those in memory."""

    def failed_self_tests(self) -> tuple[str, ...]:
        """What failed when they were loaded, each in words."""

    def liveness_installed(self) -> bool:
        """Whether requests that ask for liveness can be answered."""


class Sampler:
    """The samples of one system. Used by many threads at once."""

    def __init__(
        self,
        gallery: GalleryReader,
        models: Models | None,
        *,
        data_dir: Path,
        own_backups: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """models: None where none are loaded, as for a command. own_backups: False where the database has tools of its
        own for them. clock: seconds, monotonic."""
        self._gallery, self._models = gallery, models
        self._data_dir, self._own_backups, self._clock = data_dir, own_backups, clock
        self._last: Sample | None = None
        self._due_at = 0.0
        self._lock = threading.Lock()
        self._taking: threading.Thread | None = None

    def sample(self) -> Sample:
        """The last sample, or a new one where that is old."""
        with self._lock:
            if self._taking is None and (self._last is None or self._clock() >= self._due_at):
                self._taking = threading.Thread(target=self._take_in_background, name="sampler", daemon=True)
                self._taking.start()
            taking = self._taking
        if taking is not None:
            taking.join(WAIT_SECONDS if self._last else None)
        return self._last or self.take()

    def close(self) -> None:
        """Wait for the sample that is being taken: the database may be closed then."""
        taking = self._taking
        if taking is not None:
            taking.join()

    def _take_in_background(self) -> None:
        begun = self._clock()
        try:
            self._last = self.take()
        except Exception as exc:  # of any kind: a fault of the figures is none of the service
            log.error("no figures of what is stored: %s", type(exc).__name__)
        finally:
            now = self._clock()
            self._due_at = now + max(SAMPLE_SECONDS, SHARE * (now - begun))
            self._taking = None

    def take(self) -> Sample:
        """A new sample, whatever time it takes. Where the database does not answer, with the figures of the last."""
        free_bytes, disk_bytes = _room(self._data_dir)
        models = self._models
        sample = Sample(
            at=datetime.now(UTC),
            database_up=False,
            collections=() if self._last is None else self._last.collections,
            models=() if models is None else models.loaded(),
            failed_self_tests=() if models is None else models.failed_self_tests(),
            database_bytes=0 if self._last is None else self._last.database_bytes,
            wal_bytes=0 if self._last is None else self._last.wal_bytes,
            photo_bytes=0 if self._last is None else self._last.photo_bytes,
            disk_free_bytes=free_bytes,
            disk_bytes=disk_bytes,
            last_backup=None if (backup := read_last_backup(self._data_dir)) is None else backup.at,
            device="cpu" if models is None else models.device,
            arithmetic="fp32" if models is None else models.precision,
            own_backups=self._own_backups,
        )
        try:
            found = self._gallery.collections()
            sizes = tuple(CollectionSize(one.name, one.subjects, one.faces, one.unknown_faces) for one in found)
            asking = sum(one.policies.liveness in ("report", "require") for one in found)
            stored, log_bytes = self._gallery.database_bytes()
            waiting, since = self._gallery.waiting_photos()
            return replace(
                sample,
                database_up=True,
                collections=sizes,
                without_liveness=asking if asking and models is not None and not models.liveness_installed() else 0,
                photo_bytes=self._gallery.photo_bytes(),
                database_bytes=stored,
                wal_bytes=log_bytes,
                photos_waiting=waiting,
                photos_waiting_since=since,
                servers=self._gallery.servers(),
            )
        except StorageFailed as exc:
            log.warning("no figures of the database: %s", exc)
            return sample


def _room(folder: Path) -> tuple[int, int]:
    """Free bytes and all bytes of the disk of a folder; zeros where it is away."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0, 0
    return usage.free, usage.total
