"""SearchIndex: 1:N search in a collection; and the flat index, exact and in process, that pulls from the gallery.

The index is a cache. Before each search it asks the gallery for the changes since what it holds, so what was
acknowledged is found by the very next search, in every process, and a restart needs no repair. It holds codes of one
byte a dimension and numbers, about 0.55 KB a face at 512 dimensions; embeddings and ids stay in the gallery, which is
asked about the few faces that may be the answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vultus.errors import CollectionNotFound, VectorMismatch
from vultus.records import Candidate, Float32
from vultus.storage.changes import ChangeSet, Mark
from vultus.storage.codes import as_probe
from vultus.storage.kernels import Kernel, choose_kernel
from vultus.storage.references import References
from vultus.storage.segments import SEGMENT_ROWS
from vultus.storage.shelf import Shelf, Snapshot
from vultus.storage.shortlist import Shortlist, settle

PROBES_AT_ONCE = 64  # their products with a segment take 16 MB
MEMORY_BYTES = 2 * 2**30


class SearchIndex(Protocol):
    """Finds the enrolled subjects most similar to a probe."""

    def search(self, collection: str, probes: Float32, k: int) -> list[list[Candidate]]:
        """Per probe of (Q, D) at most k candidates, best first, one per subject. Raises: see FlatIndex.search."""

    def size(self, collection: str) -> tuple[int, int]:
        """Subjects with a face, and faces. Raises: CollectionNotFound."""


class Truth(Protocol):
    """What the flat index needs of the gallery."""

    def changes_since(self, collection: str, since: Mark | None) -> ChangeSet:
        """The changes after a mark (None: everything). Raises: CollectionNotFound."""

    def references(self, mark: Mark, face_pks: Sequence[int]) -> References:
        """Those of the faces (by number) that were there at `mark` and still are, in any order."""


class FlatIndex:
    """Compares a probe with every face of the collection. Used by many threads at once."""

    def __init__(
        self,
        gallery: Truth,
        *,
        memory_bytes: int = MEMORY_BYTES,
        kernel: Kernel | None = None,
        segment_rows: int = SEGMENT_ROWS,
    ) -> None:
        """memory_bytes: collections used least recently are dropped beyond it, never the one being searched.

        kernel: what multiplies codes; the fastest that works on this machine when None.
        segment_rows: how many faces are held in one array.
        """
        self._gallery = gallery
        self._memory_bytes, self._segment_rows = memory_bytes, segment_rows
        self._kernel = choose_kernel() if kernel is None else kernel
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()  # the one used last at the end
        self._guard = threading.Lock()

    def search(self, collection: str, probes: Float32, k: int) -> list[list[Candidate]]:
        """Per probe of (Q, D) float32, any length, at most k candidates, best first: the best face of each subject.

        Exact: what comparing the float32 embeddings one by one would give. Sees all that was committed before the
        call. Equal similarities: the face enrolled first.
        Raises: CollectionNotFound; VectorMismatch, when a probe has another dimension, is zero, NaN or infinite.
        """
        snapshot, before = self._pull(collection), None
        while True:
            found, whole = self._search(snapshot, probes, k)
            if whole or snapshot is before:
                return found
            snapshot, before = self._pull(collection), snapshot  # a face was erased since: look again without it

    def size(self, collection: str) -> tuple[int, int]:
        """Subjects with a face, and faces. Raises: CollectionNotFound."""
        return self._pull(collection).size()

    def discard(self, collection: str) -> None:
        """Free the memory of a collection; it is loaded anew when next searched."""
        with self._guard:
            self._shelves.pop(collection, None)

    def _search(self, snapshot: Snapshot, probes: Float32, k: int) -> tuple[list[list[Candidate]], bool]:
        unit = _unit(probes, snapshot.dimension)
        if k < 1:
            return [[] for _ in unit], True
        shortlists = [Shortlist(as_probe(probe), k) for probe in unit]
        for start in range(0, len(shortlists), PROBES_AT_ONCE):
            self._scan(snapshot, shortlists[start : start + PROBES_AT_ONCE])
        fetch = partial(self._gallery.references, snapshot.mark)
        answers = [settle(shortlist, fetch, k) for shortlist in shortlists]
        return [found for found, _ in answers], all(whole for _, whole in answers)

    def _scan(self, snapshot: Snapshot, shortlists: Sequence[Shortlist]) -> None:
        values = np.stack([shortlist.probe.values for shortlist in shortlists])
        for block in snapshot.blocks:
            products = self._kernel(values, block.rows.codes.values)
            for shortlist, row in zip(shortlists, products, strict=True):
                shortlist.consider(block, row)

    def _pull(self, collection: str) -> Snapshot:
        shelf = self._shelf(collection)
        try:
            with shelf.lock:
                held = shelf.nbytes
                snapshot = shelf.apply(self._gallery.changes_since(collection, shelf.mark))
        except CollectionNotFound:
            self.discard(collection)
            raise
        if shelf.nbytes > held:
            self._evict(collection)
        return snapshot

    def _shelf(self, collection: str) -> Shelf:
        with self._guard:
            shelf = self._shelves.setdefault(collection, Shelf(self._segment_rows))
            self._shelves.move_to_end(collection)
            return shelf

    def _evict(self, kept: str) -> None:
        """Drop collections, the one used least recently first, until the rest fits the budget."""
        with self._guard:
            total = sum(shelf.nbytes for shelf in self._shelves.values())
            for name in [name for name in self._shelves if name != kept]:
                if total <= self._memory_bytes:
                    return
                total -= self._shelves.pop(name).nbytes


def _unit(probes: Float32, dimension: int) -> NDArray[np.float64]:
    """Probes scaled to unit length, (Q, D) float64. Raises: VectorMismatch."""
    rows = np.asarray(probes, np.float64)
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise VectorMismatch(f"probes have shape {rows.shape}; the collection needs (probes, {dimension})")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise VectorMismatch("a probe is zero, or holds NaN or infinite values; make it anew from the photo")
    unit: NDArray[np.float64] = rows / lengths
    return unit
