"""SearchIndex: 1:N search in a collection; and the flat index, exact and in process, that pulls from the gallery.

The index is a cache. Before each search it asks the gallery for the changes since what it holds, so what was
acknowledged is found by the very next search, in every process, and a restart needs no repair.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from vultus.errors import CollectionNotFound, VectorMismatch
from vultus.records import Candidate, Float32
from vultus.storage.changes import ChangeSet, Mark
from vultus.storage.shelf import Shelf, Snapshot

PROBES_ONE_BY_ONE = 4
SCORES_AT_ONCE = 16_000_000  # float32 scores of some probes against all rows: 64 MB


class SearchIndex(Protocol):
    """Finds the enrolled subjects most similar to a probe."""

    def search(self, collection: str, probes: Float32, k: int) -> list[list[Candidate]]:
        """Per probe of (Q, D) at most k candidates, best first, one per subject. Raises: see FlatIndex.search."""

    def size(self, collection: str) -> tuple[int, int]:
        """Subjects with a face, and faces. Raises: CollectionNotFound."""


class Changes(Protocol):
    """What the flat index needs of the gallery."""

    def changes_since(self, collection: str, since: Mark | None) -> ChangeSet:
        """The changes after a mark (None: everything). Raises: CollectionNotFound."""


class FlatIndex:
    """Compares a probe with every face of the collection, in float32. Used by many threads at once."""

    def __init__(self, gallery: Changes) -> None:
        self._gallery = gallery
        self._shelves: dict[str, Shelf] = {}
        self._guard = threading.Lock()

    def search(self, collection: str, probes: Float32, k: int) -> list[list[Candidate]]:
        """Per probe of (Q, D) float32, any length, at most k candidates, best first: the best face of each subject.

        Sees all that was committed before the call. Equal similarities: the face enrolled first.
        Raises: CollectionNotFound; VectorMismatch, when a probe has another dimension, is zero, NaN or infinite.
        """
        snapshot = self._pull(collection)
        unit = _unit(probes, snapshot.dimension)
        return [_candidates(snapshot, scores, k) for scores in _scores(snapshot, unit)]

    def size(self, collection: str) -> tuple[int, int]:
        """Subjects with a face, and faces. Raises: CollectionNotFound."""
        return self._pull(collection).size()

    def discard(self, collection: str) -> None:
        """Free the memory of a collection; it is loaded anew when next searched."""
        with self._guard:
            self._shelves.pop(collection, None)

    def _pull(self, collection: str) -> Snapshot:
        with self._guard:
            shelf = self._shelves.setdefault(collection, Shelf())
        try:
            with shelf.lock:
                return shelf.apply(self._gallery.changes_since(collection, shelf.mark))
        except CollectionNotFound:
            self.discard(collection)
            raise


def _unit(probes: Float32, dimension: int) -> Float32:
    """Probes scaled to unit length, (Q, D) float32. Raises: VectorMismatch."""
    rows = np.asarray(probes, np.float64)
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise VectorMismatch(f"probes have shape {rows.shape}; the collection needs (probes, {dimension})")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise VectorMismatch("a probe is zero, or holds NaN or infinite values; make it anew from the photo")
    unit: Float32 = (rows / lengths).astype(np.float32)
    return unit


def _scores(snapshot: Snapshot, probes: Float32) -> Iterator[Float32]:
    """Per probe the cosine with every row, (N,) float32; -inf where the row's face is gone."""
    for scores in _products(snapshot.vectors, probes):
        if snapshot.dead:
            scores[~snapshot.alive] = -np.inf
        yield scores


def _products(vectors: Float32, probes: Float32) -> Iterator[Float32]:
    """Per probe its dot product with every row, (N,) float32.

    A few probes go row by row in this thread: one matrix product would wake the threads of BLAS, which took 7 ms
    instead of 1.7 ms at 20,000 x 512 on two cores. Many probes share the reading of the rows.
    """
    if len(probes) <= PROBES_ONE_BY_ONE:
        yield from (np.vecdot(vectors, probe) for probe in probes)
        return
    step = max(1, SCORES_AT_ONCE // max(1, len(vectors)))
    for start in range(0, len(probes), step):
        yield from probes[start : start + step] @ vectors.T


def _candidates(snapshot: Snapshot, scores: Float32, k: int) -> list[Candidate]:
    """The k best subjects, exactly: take ever more of the best rows until they show k subjects, or all."""
    if k < 1:
        return []
    take = 4 * k
    while True:
        rows = _best_rows(scores, take)
        _, first = np.unique(snapshot.subject_codes[rows], return_index=True)
        if len(first) >= k or take >= len(scores):
            break
        take *= 8
    best = rows[np.sort(first)[:k]]
    similarities = np.clip(scores[best], -1.0, 1.0)
    return [snapshot.candidate(int(row), float(score)) for row, score in zip(best, similarities, strict=True)]


def _best_rows(scores: Float32, take: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The rows of at least the `take` highest scores (all those equal to the last too), best first; none of -inf."""
    floor = -np.inf
    if 0 < take < len(scores):
        floor = np.partition(scores, len(scores) - take)[len(scores) - take]
    rows = np.flatnonzero((scores >= floor) & (scores > -np.inf))
    return rows[np.lexsort((rows, -scores[rows]))]
