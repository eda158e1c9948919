"""The photos of a gallery that is moved, copied to another place; each is read back, which compares its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import func, select

from vultus.errors import NotFound, StorageFailed
from vultus.storage.database import Database
from vultus.storage.photos import PhotoStore, StoredPhotos
from vultus.storage.tables import faces

KEYS_AT_ONCE = 10_000


def photo_count(database: Database) -> int:
    """How many photos the faces have."""
    with database.reading() as connection:
        return int(connection.execute(select(func.count(faces.c.photo_sha256.distinct()))).scalar_one())


def copy_photos(
    database: Database, source: StoredPhotos, target: PhotoStore, *, advance: Callable[[], None] = lambda: None
) -> None:
    """Copy the photos of all faces that the target does not have yet. advance: is called after each.

    Raises: StorageFailed, also for a photo that is missing or damaged.
    """
    for key in _photo_keys(database):
        there = target.size(key)
        if there is None or there != source.size(key):  # absent, or cut short by a damaged disk
            try:
                target.put(source.get(key))
            except NotFound:  # of the source
                raise StorageFailed(f"photo {key[:12]}... of a face is missing; run: vultus check") from None
        target.get(key)
        advance()


def _photo_keys(database: Database) -> Iterator[str]:
    column, last = faces.c.photo_sha256, ""
    while True:
        statement = select(column).where(column > last).distinct().order_by(column).limit(KEYS_AT_ONCE)
        with database.reading() as connection:
            keys = list(connection.scalars(statement))
        yield from keys
        if len(keys) < KEYS_AT_ONCE:
            return
        last = keys[-1]
