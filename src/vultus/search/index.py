"""1:N search in a collection: the SearchIndex protocol, and the flat index, which is exact and in process.

The flat index is a cache that pulls from the gallery. Before each search it asks for the collection's mark, and where
that is another one, for the changes since its own; so what was acknowledged is found by the very next search, in every
process, and a restart needs no repair. It holds int8 codes of one byte a dimension and row numbers, about 0.55 KB a
face at 512 dimensions, and where the budget allows it the embeddings, 2 KB more. Otherwise the gallery is asked for the
embeddings of the few faces that may be in the result; for the ids of those that are, it is always asked, which also
says whether they are still there. From a size on, and where faiss is installed, a PQ index built in the background
chooses which faces are compared; its recall is measured. It takes 0.07 KB a face more.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vultus.errors import CollectionNotFound, SpaceChanged, StorageFailed, VectorMismatch
from vultus.metrics.stopwatch import stage
from vultus.records.answers import Candidate
from vultus.records.samples import LoadedIndex
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule
from vultus.search.cohort_terms import COHORT_FACES
from vultus.search.int8_codes import Probe, as_probe
from vultus.search.kernels import Kernel, choose_kernel
from vultus.search.loaded_collection import LoadedCollection, Snapshot
from vultus.search.pq_builder import PqBuilder
from vultus.search.pq_index import load_faiss
from vultus.search.recall import SearchState
from vultus.search.scan import Search, scan
from vultus.search.searches import one_subject, probe_terms, ranking
from vultus.search.segments import SEGMENT_ROWS, row_bytes
from vultus.search.shared_segments import SharedSegments
from vultus.search.source import ChangeSet, Mark, SearchSource
from vultus.vectors import has_direction, lengths

MEMORY_BYTES = 2 * 2**30

log = logging.getLogger(__name__)

R = TypeVar("R")
Searches = Sequence[Search[R]]


class SearchIndex(Protocol):
    """Finds the enrolled subjects most similar to a probe."""

    def search(
        self, collection: str, probes: Float32, k: int, rule: CohortRule | None = None, *, space: int | None = None
    ) -> list[list[Candidate]]:
        """Per probe of (Q, D) at most k candidates, best first, one per subject. Raises: see FlatIndex.search."""

    def search_subject(
        self, collection: str, probes: Float32, subject_pk: int, rule: CohortRule, *, space: int | None = None
    ) -> list[Candidate | None]:
        """Per probe the best face of one subject; None where it has none. Raises: see FlatIndex.search."""

    def terms(
        self, collection: str, probes: Float32, rule: CohortRule, *, space: int | None = None
    ) -> NDArray[np.float64]:
        """Per probe its term, nobody left out, (Q,). Raises: see FlatIndex.search."""

    def prepare(self, collection: str, rule: CohortRule | None) -> None:
        """Load the collection, so that the next search need not. Raises: see FlatIndex.search."""

    def size(self, collection: str) -> tuple[int, int]:
        """Subjects with a face, and faces. Raises: CollectionNotFound."""

    def held_size(self, collection: str) -> tuple[int, int] | None:
        """The same as of the last search, without asking the source; None when the collection is not in memory."""

    def state(self, collection: str) -> SearchState:
        """How the collection is searched now, by what is in memory; an unknown one would be searched exactly."""

    def loaded(self) -> tuple[LoadedIndex, ...]:
        """The collections in memory."""

    def marks(self) -> tuple[Mark, ...]:
        """Up to where the collections in memory are followed, brought up to date first."""

    def refresh(self, collection: str) -> None:
        """Drop what was erased from the collection, if it is in memory. Raises no VultusError."""

    def discard(self, collection: str) -> None:
        """Free the memory of a collection."""


class FlatIndex:
    """Compares a probe with every face of the collection, or in a large one with those that a PQ index chooses.

    Used by many threads at once.
    """

    def __init__(
        self,
        gallery: SearchSource,
        *,
        memory_bytes: int = MEMORY_BYTES,
        kernel: Kernel | None = None,
        segment_rows: int = SEGMENT_ROWS,
        cohort_faces: int = COHORT_FACES,
        pq_from_faces: int = 0,
        faiss: Callable[[], Any | None] = load_faiss,
        shared: SharedSegments | None = None,
    ) -> None:
        """memory_bytes: beyond it embeddings are left in the gallery, then the collections used least recently are
        dropped, never the one being searched.

        kernel: multiplies codes; None: the fastest that works on this machine. segment_rows: faces in one array.
        cohort_faces: of at most so many are the terms of enrolled faces. pq_from_faces: the size from which on a
        collection gets a PQ index; 0: never. faiss: loads that package.
        shared: where other processes on this machine find what this one has loaded; None: nowhere.
        """
        self._gallery = gallery
        self._memory_bytes, self._segment_rows, self._cohort_faces = memory_bytes, segment_rows, cohort_faces
        self._kernel = choose_kernel() if kernel is None else kernel
        self._collections: OrderedDict[str, LoadedCollection] = OrderedDict()  # the one used last at the end
        self._guard = threading.Lock()  # of _collections; never held while the gallery is asked
        self._shared = shared
        self._builder = PqBuilder(pq_from_faces, self._best, faiss)

    def search(
        self, collection: str, probes: Float32, k: int, rule: CohortRule | None = None, *, space: int | None = None
    ) -> list[list[Candidate]]:
        """Per probe of (Q, D) float32, any length, at most k candidates, best first: the best face of each subject.

        rule: by which scores follow from similarities, always the same for a collection; None: they are the same.
        Exact: what comparing the float32 embeddings one by one would give; where a PQ index is in use (`state`), a
        candidate is missed as often as its recall says, and each one found has its exact similarity all the same; the
        nearest subjects that decide a score are those of the candidates.
        Finds all that was committed before the call. Equal scores: the face enrolled first.
        space: the number of the space that the probes are of; None: that of the collection, whichever it is.
        Raises: CollectionNotFound; SpaceChanged; VectorMismatch, when a probe has another dimension, is zero, NaN or
        infinite.
        """
        with stage("search"):
            return self._answer(collection, probes, rule, lambda made: ranking(made, k, rule), space)

    def search_subject(
        self, collection: str, probes: Float32, subject_pk: int, rule: CohortRule, *, space: int | None = None
    ) -> list[Candidate | None]:
        """Per probe of (Q, D) the face of one subject with the best score; None where it has none any more.

        subject_pk: the gallery's number of it. Every face of the subject is compared. Raises: as `search`.
        """
        with stage("search"):
            return self._answer(collection, probes, rule, lambda made: one_subject(made, subject_pk, rule), space)

    def terms(
        self, collection: str, probes: Float32, rule: CohortRule, *, space: int | None = None
    ) -> NDArray[np.float64]:
        """What the collection as a cohort says of each probe of (Q, D): T(p) with nobody left out, (Q,).

        See `cohort.py`. Raises: as `search`.
        """
        with stage("search"):
            found = self._answer(collection, probes, rule, lambda made: probe_terms(made, rule), space)
        return np.array(found, np.float64)

    def prepare(self, collection: str, rule: CohortRule | None) -> None:
        """Load the collection, with terms by the rule, so that the next search need not. Raises: CollectionNotFound."""
        self._pull(collection, rule)

    def size(self, collection: str) -> tuple[int, int]:
        """Subjects with a face, and faces. Raises: CollectionNotFound."""
        return self._pull(collection).size()

    def held_size(self, collection: str) -> tuple[int, int] | None:
        """The same as of the last search, without asking the source; None when the collection is not in memory."""
        with self._guard:
            loaded = self._collections.get(collection)
        snapshot = loaded.snapshot if loaded else None
        return snapshot.size() if snapshot else None

    def state(self, collection: str) -> SearchState:
        """How the collection is searched now: exactly while it is not in memory, or not known."""
        with self._guard:
            loaded = self._collections.get(collection)
        snapshot, building = (loaded.snapshot if loaded else None), self._builder.builds(loaded)
        pq = snapshot.pq if snapshot else None
        if pq is None or pq.recall is None:
            return SearchState(building=building)
        return SearchState("pq", pq.recall, len(pq) - pq.erased, pq.candidates, building)

    def loaded(self) -> tuple[LoadedIndex, ...]:
        """The collections in memory, those unused the longest first."""
        with self._guard:
            collections = list(self._collections.items())
        return tuple(
            LoadedIndex(
                *(name, "exact" if pq is None else "pq", snapshot.faces, loaded.nbytes),
                recall=1.0 if pq is None or pq.recall is None else pq.recall.least,
                refused=pq is None and loaded.retry_at_size > 0,
            )
            for name, loaded in collections
            if (snapshot := loaded.snapshot) is not None
            for pq in (snapshot.pq,)
        )

    def marks(self) -> tuple[Mark, ...]:
        """Up to where the collections in memory are followed, each brought up to date first.

        Raises: StorageFailed; what is in memory stays, as each search brings it up to date itself.
        """
        for held in self.loaded():
            with suppress(CollectionNotFound):  # `_pull` discarded it
                self._pull(held.collection)
        with self._guard:
            collections = tuple(self._collections.values())
        return tuple(mark for loaded in collections if (mark := loaded.mark) is not None)

    def refresh(self, collection: str) -> None:
        """Apply what was committed to a collection that is in memory, so that erased faces leave the memory too."""
        with self._guard:
            held = collection in self._collections
        if held:
            try:
                self._pull(collection)
            except CollectionNotFound:
                return  # `_pull` discarded it
            except StorageFailed:  # what was erased must not stay in memory, so all of it goes
                self.discard(collection)

    def discard(self, collection: str) -> None:
        """Free the memory of a collection; the next search loads it again."""
        with self._guard:
            loaded = self._collections.pop(collection, None)
            if loaded is not None:
                loaded.discarded = True
        if loaded is not None and loaded.snapshot is not None and self._shared is not None:
            self._shared.discard(loaded.snapshot.mark)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until no PQ index is being built, or so long."""
        self._builder.wait(seconds)

    def close(self) -> None:
        """Stop building in the background. Searches remain possible."""
        self._builder.close()

    def _answer(
        self,
        collection: str,
        probes: Float32,
        rule: CohortRule | None,
        searches_of: Callable[[list[Probe]], Searches[R]],
        space: int | None = None,
    ) -> list[R]:
        """The result of each search on the collection as it is committed now. Raises: SpaceChanged."""
        snapshot, before = self._pull(collection, rule), None
        while True:
            require_space(snapshot.mark, space)
            units = unit_rows(probes, snapshot.dimension)
            found, complete = self._results(snapshot, searches_of([as_probe(unit) for unit in units]))
            if complete.all() or snapshot is before:
                return found
            snapshot, before = self._pull(collection, rule), snapshot  # a face was erased meanwhile: search without it

    def _results(self, snapshot: Snapshot, searches: Searches[R]) -> tuple[list[R], NDArray[np.bool_]]:
        """Per search its result, and whether every face that was fetched was still stored."""
        scanned = scan(self._kernel, snapshot, searches, self._gallery)
        found = [search.result(one) for search, one in zip(searches, scanned, strict=True)]
        return found, np.array([one.cosines.complete for one in scanned], np.bool_)

    def _best(self, snapshot: Snapshot, probes: Float32) -> NDArray[np.float64]:
        """The score of the best subject of each probe, (Q,), by the snapshot's rule; NaN where a face was erased."""
        made = [as_probe(unit) for unit in unit_rows(probes, snapshot.dimension)]
        found, complete = self._results(snapshot, ranking(made, 1, snapshot.rule))
        scores = [lines[0].score if lines else np.nan for lines in found]
        return np.where(complete, scores, np.nan)

    def _pull(self, collection: str, rule: CohortRule | None = None) -> Snapshot:
        """The collection as it is committed now, with terms by the rule. Raises: CollectionNotFound, StorageFailed."""
        loaded = self._loaded_collection(collection)
        try:
            current = loaded.snapshot_at(self._gallery.mark(collection), rule)
            if current is not None:
                self._builder.consider(loaded, current)
                return current
            with loaded.lock:
                if loaded.mark is None and self._shared is not None:
                    first = self._load_shared(collection, self._shared)
                    loaded.apply(first)
                    loaded.shared_terms = self._shared.terms(first)
                snapshot = loaded.apply(self._gallery.changes_since(collection, loaded.mark, self._fits))
            if rule is not None:
                snapshot = loaded.with_terms(rule, self._kernel)
        except CollectionNotFound:
            self.discard(collection)
            raise
        if loaded.nbytes > loaded.accounted:
            self._evict(collection)
        loaded.accounted = loaded.nbytes
        self._builder.consider(loaded, snapshot)
        return snapshot

    def _load_shared(self, collection: str, shared: SharedSegments) -> ChangeSet:
        """All faces at a mark that may be an earlier one."""
        return shared.load(
            self._gallery.mark(collection),
            lambda allocate: self._gallery.changes_since(collection, None, self._fits, allocate),
        )

    def _fits(self, faces: int, dimension: int) -> bool:
        """Whether so many faces with their embeddings fit the budget."""
        needed = faces * row_bytes(dimension, embeddings=True)
        if needed > self._memory_bytes:
            log.info(
                "the embeddings of %d faces stay in the database, where each search reads some: in memory they would "
                "take %d MiB with their codes, and index_memory_bytes is %d MiB",
                *(faces, needed >> 20, self._memory_bytes >> 20),
            )
        return needed <= self._memory_bytes

    def _loaded_collection(self, collection: str) -> LoadedCollection:
        with self._guard:
            loaded = self._collections.get(collection)
            if loaded is None:
                loaded = self._collections[collection] = LoadedCollection(self._segment_rows, self._cohort_faces)
            self._collections.move_to_end(collection)
            return loaded

    def _evict(self, kept: str) -> None:
        """Free memory until the budget holds: the embeddings of collections, then whole ones; those used last, last."""
        with self._guard:
            collections = list(self._collections.items())
            excess = sum(loaded.nbytes for _, loaded in collections) - self._memory_bytes
            thinned = []
            for _, loaded in collections:
                if excess > 0 and loaded.has_embeddings:
                    thinned.append(loaded)
                    excess -= loaded.embedding_bytes
            for name, loaded in collections:
                if excess > 0 and name != kept:
                    del self._collections[name]
                    loaded.discarded = True
                    excess -= loaded.nbytes - loaded.embedding_bytes
        for loaded in thinned:  # with its lock, which is not to be waited for while `_guard` is held
            loaded.leave_embeddings()


def require_space(mark: Mark, space: int | None) -> None:
    """Raises: SpaceChanged, when the collection is in another space than that of this number; None: in any."""
    if space is not None and mark.space != space:
        raise SpaceChanged("the collection was switched to other embeddings; embed the probe again, by its model")


def unit_rows(probes: Float32, dimension: int) -> NDArray[np.float64]:
    """Probes scaled to unit length, (Q, D) float64. Raises: VectorMismatch."""
    rows = np.asarray(probes, np.float64)
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise VectorMismatch(f"probes have shape {rows.shape}; the collection needs (probes, {dimension})")
    norms = lengths(rows)
    if not has_direction(norms).all():
        raise VectorMismatch("a probe is zero, or holds NaN or infinite values; make it anew from the photo")
    return rows / norms[:, None]
