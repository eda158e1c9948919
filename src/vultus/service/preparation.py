"""Prepares searches when the server starts: loads the collections in the background, the largest first."""

from __future__ import annotations

import logging
import threading

from vultus.errors import VultusError
from vultus.malloc import give_memory_back
from vultus.records.stored import Collection
from vultus.search.segments import row_bytes
from vultus.service.context import ServiceContext

CLOSING_SECONDS = 5.0

log = logging.getLogger(__name__)


class SearchPreparation:
    """A thread that loads collections into the search index, with what scores are relative to.

    Without it the first search of each would: with 100,000 faces that takes seconds. A search meanwhile waits for its
    own collection only.
    """

    def __init__(self, context: ServiceContext, memory_bytes: int) -> None:
        """memory_bytes: of the index; only collections that fit beside each other are loaded."""
        self._context, self._memory_bytes = context, memory_bytes
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="search-preparation", daemon=True)

    def start(self) -> None:
        """Begin. Returns at once."""
        self._thread.start()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until all is loaded, or so long."""
        self._thread.join(seconds)

    def close(self) -> None:
        """End after the collection that is being loaded."""
        self._closed.set()
        self.wait(CLOSING_SECONDS)

    def _run(self) -> None:
        try:
            collections = sorted(self._context.gallery.collections(), key=lambda one: -one.faces)
        except VultusError as exc:
            log.warning("no collection is loaded before its first search: %s", exc)
            return
        left = self._memory_bytes
        for collection in collections:
            needed = self._bytes_of(collection)
            if collection.faces and needed <= left and not self._closed.is_set():
                left -= needed
                self._load(collection)
        give_memory_back()  # that loading took, and what scores are relative to

    def _bytes_of(self, collection: Collection) -> int:
        """Of memory, with the embeddings where these fit."""
        whole = collection.faces * row_bytes(collection.dimension, embeddings=True)
        if whole <= self._memory_bytes:
            return whole
        return collection.faces * row_bytes(collection.dimension, embeddings=False)

    def _load(self, collection: Collection) -> None:
        try:
            reference = self._context.model_of(collection).reference
            self._context.index.prepare(collection.name, None if reference is None else reference.rule)
        except VultusError as exc:  # erased meanwhile, or of a model that is not served
            log.info("a collection of %d faces is loaded at its first search: %s", collection.faces, exc.code)
