"""Builds PQ indexes in the background, one at a time, while searches go on exactly."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from vultus.errors import VultusError
from vultus.search.loaded_collection import Shelf, Snapshot
from vultus.storage.pq import LEAST_ROWS, load_faiss
from vultus.storage.pq_making import Best, Stopped, made_index

STALE_SHARE = 0.05  # of the faces in an index: so many enrolled or erased since, and it is made anew
LEAST_RECALL = 0.99  # an index that finds less is not used
RETRY_GROWTH = 1.25  # a collection whose index could not be made, or found too little, has to grow so much for another
CLOSING_SECONDS = 5.0  # training, which cannot be stopped, takes two

log = logging.getLogger(__name__)


class PqBuilder:
    """Decides when a collection gets an index, and makes it."""

    def __init__(self, from_faces: int, best: Best, faiss: Callable[[], Any | None] = load_faiss) -> None:
        """from_faces: the size from which on a collection gets one; 0: none does.

        best: the similarity of the best subject of each probe, (Q,); NaN where a face was erased meanwhile.
        faiss: loads faiss; None where it cannot.
        """
        self._from_faces, self._best, self._load = from_faces, best, faiss
        self._closed = threading.Event()
        self._guard = threading.Lock()
        self._at_work: tuple[Shelf, threading.Thread] | None = None

    def consider(self, shelf: Shelf, snapshot: Snapshot) -> None:
        """Begin where an index is due and none is being made. Returns at once."""
        if not self._due(shelf, snapshot):
            return
        with self._guard:
            if self._at_work is None and not self._closed.is_set():
                thread = threading.Thread(target=self._work, args=(shelf, snapshot), name="pq-index", daemon=True)
                self._at_work = shelf, thread
                thread.start()

    def builds(self, shelf: Shelf | None) -> bool:
        """Whether the index of this collection is being made."""
        at_work = self._at_work
        return at_work is not None and at_work[0] is shelf

    def wait(self, seconds: float | None = None) -> None:
        """Until nothing is being made, or so long."""
        at_work = self._at_work
        if at_work is not None:
            at_work[1].join(seconds)

    def close(self) -> None:
        """Stop what is being made; nothing is made any more."""
        self._closed.set()
        self.wait(CLOSING_SECONDS)

    def _due(self, shelf: Shelf, snapshot: Snapshot) -> bool:
        if not self._from_faces or snapshot.faces < max(self._from_faces, shelf.useless_until):
            return False
        if self._at_work is not None or shelf.discarded:
            return False
        living = sum(len(block) - block.dead for block in snapshot.blocks[: snapshot.sealed])
        pq = snapshot.pq
        if pq is None:
            return living >= LEAST_ROWS
        enrolled = living - (len(pq) - pq.erased)
        return enrolled + pq.erased > STALE_SHARE * len(pq)

    def _work(self, shelf: Shelf, snapshot: Snapshot) -> None:
        try:
            faiss = self._load()
            if faiss is None:
                self._from_faces = 0
                log.warning(
                    "a collection has %d faces and faiss is not installed: it is searched exactly, which takes longer "
                    "the larger it is; to have an index: pip install 'vultus[pq]'",
                    snapshot.faces,
                )
            else:
                self._build(faiss, shelf, snapshot)
        except Stopped:
            log.info("the PQ index of %d faces is not wanted any more", snapshot.faces)
        except (VultusError, RuntimeError, MemoryError) as exc:
            shelf.useless_until = int(RETRY_GROWTH * snapshot.faces)
            log.warning("no PQ index of %d faces: %s; they are searched exactly", snapshot.faces, type(exc).__name__)
        finally:
            with self._guard:
                self._at_work = None

    def _build(self, faiss: Any, shelf: Shelf, snapshot: Snapshot) -> None:
        def go_on() -> None:
            if shelf.discarded or self._closed.is_set():
                raise Stopped

        start = time.monotonic()
        index, recall = made_index(faiss, snapshot, self._best, go_on)
        seconds = time.monotonic() - start
        said = f"{len(index)} faces in {seconds:.0f} s, {index.candidates} candidates, {recall}"
        if recall.least < LEAST_RECALL:
            shelf.useless_until = int(RETRY_GROWTH * snapshot.faces)
            shelf.adopt(None)
            log.warning("the PQ index finds too little and is not used: %s", said)
        else:
            log.info("PQ index of %s; %s", said, "in use" if shelf.adopt(index) else "outdated before it was ready")
