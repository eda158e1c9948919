"""The gallery and its photos for commands that need no models, also beside a running server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vultus.cli.output import say
from vultus.cli.settings import load_settings
from vultus.records.answers import Deleted
from vultus.storage.audit import COMMAND, Act
from vultus.storage.erasure_ledger.catching_up import open_ledger
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import ready_database
from vultus.storage.photos import PhotoStore
from vultus.wiring.open_system import opened_photos

MOST_LISTED = 1_000_000


@dataclass(frozen=True)
class KeptGallery:
    """What is enrolled; changes are audited as made by a command."""

    gallery: Gallery
    photos: PhotoStore

    def without_photos(self, deleted: Deleted, photo_keys: tuple[str, ...]) -> Deleted:
        """Remove the photos that no face uses any more; says so, where that is not possible now."""
        done = self.gallery.photos.remove(photo_keys, self.photos.delete)
        if done.problem is not None:
            say(f"{done.left} photos are still stored: {done.problem}. A server removes them once that is possible")
        return replace(deleted, photos=done.removed, photos_left=done.left)


@contextmanager
def open_kept_gallery(data_dir: Path | None) -> Iterator[KeptGallery]:
    """The gallery of these settings. Raises StorageFailed, when there is none."""
    settings = load_settings(data_dir=data_dir)
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        ledger = open_ledger(settings.erasure_ledger, settings.data_dir)
        yield KeptGallery(Gallery(database, ledger).acting_as(Act(COMMAND)), opened_photos(settings))
