"""Removes stored photos that no face uses any more: at once after an erasure, and later what could not go then."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vultus.errors import StorageFailed, TryLater
from vultus.storage.database import Database
from vultus.storage.faces import referenced_photos
from vultus.storage.photo_records import photo_rows as rows
from vultus.storage.photos import LocalPhotoStore, PhotoStore
from vultus.storage.subjects import IDS_PER_STATEMENT, in_chunks

Unlink = Callable[[str], None]
STEP_SECONDS = 1.0  # after which a transaction takes no more: on SQLite it keeps all writers waiting


@dataclass(frozen=True)
class Removal:
    """How many photos were removed. problem: why others were not: they are removed as soon as that is possible.

    left: of those that were asked for. more: whether there may be others to remove.
    """

    removed: int = 0
    left: int = 0
    problem: StorageFailed | TryLater | None = None
    more: bool = False


class PhotoRemoval:
    """Announces photos, and removes them again. Every method may raise StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def announce(self, sizes: Mapping[str, int], *, into: PhotoStore | None = None) -> None:
        """Note that photos are about to be stored, their bytes by their keys: they are removed if no face comes.

        into: the store. A folder beside SQLite is one server's, which lists it when it starts, so that nothing need be
        noted, which would be one more commit an enrolment.
        """
        listed = isinstance(into, LocalPhotoStore) and self._database.engine.dialect.name == "sqlite"
        if sizes and not listed:
            with self._database.adding() as connection:
                rows.announce(connection, sizes)

    def step(self, unlink: Unlink, keys: Sequence[str] | None = None) -> Removal:
        """Remove some of those that no face uses any more; keys: of these. A photo that an enrolment needs is left.

        unlink: removes the bytes by their key, where there are any.
        """
        removed: list[str] = []
        problem: StorageFailed | TryLater | None = None
        deadline = time.monotonic() + STEP_SECONDS
        with self._database.locking_rows() as connection:
            taken = rows.take_doomed(connection, keys, IDS_PER_STATEMENT)
            for key in taken:
                try:
                    unlink(key)
                except (StorageFailed, TryLater) as exc:
                    problem = exc
                    rows.put_last(connection, key)
                    break
                removed.append(key)
                if time.monotonic() > deadline:
                    break
            if removed:
                rows.forget(connection, removed)
        more = len(removed) < len(taken) or len(taken) == IDS_PER_STATEMENT
        return Removal(len(removed), len(taken) - len(removed), problem, more)

    def remove(self, keys: Sequence[str], unlink: Unlink) -> Removal:
        """Remove all of these that no face uses any more, up to the first that cannot be removed."""
        removed = 0
        chunks = list(in_chunks(tuple(dict.fromkeys(keys))))
        for number, some in enumerate(chunks):
            done = Removal(more=True)
            while done.more and done.problem is None:
                done = self.step(unlink, some)
                removed += done.removed
            if done.problem is not None:
                left = done.left + sum(map(len, chunks[number + 1 :]))
                return Removal(removed, left, done.problem, more=True)
        return Removal(removed)

    def waiting(self) -> int:
        """How many photos of erased faces are still to be removed."""
        with self._database.reading() as connection:
            return rows.waiting(connection)

    def remove_strays(self, keys: Sequence[str], unlink: Unlink) -> int:
        """Remove those of the stored photos that no face uses, known or not, as from a copied folder; how many.

        Raises: StorageFailed, TryLater, when one cannot be removed now.
        """
        removed = 0
        for some in in_chunks(tuple(dict.fromkeys(keys))):
            with self._database.reading() as connection:  # first without the lock of all writers
                unused = set(some) - referenced_photos(connection, some)
            found = [key for key in some if key in unused]
            if found:
                with self._database.writing() as connection:
                    rows.doom_unused(connection, found)
                done = self.remove(found, unlink)
                removed += done.removed
                if done.problem is not None:
                    raise done.problem
        return removed
