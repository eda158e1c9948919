"""1:N search in PostgreSQL: a `SearchIndex` that holds nothing in memory, and finds what the flat index finds.

Before each search it reads the collection's mark and how far its vectors and terms are filled, in one snapshot with the
search itself; where they are behind, it fills them first. So what was acknowledged is found by the very next search.
The faces that the database puts first are compared exactly from the stored embeddings, by the same code as in memory.
Two things differ. From `hnsw_from_faces` on an HNSW index chooses the faces, with a recall that was measured. And the
terms of faces follow later what was enrolled after them: see `term_filling.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine.interfaces import DBAPICursor

from vultus.errors import CollectionNotFound
from vultus.metrics.stopwatch import stage
from vultus.records.answers import Candidate
from vultus.records.samples import LoadedIndex
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule
from vultus.search.cohort_terms import COHORT_FACES
from vultus.search.index import require_space, unit_rows
from vultus.search.int8_codes import Probe, as_probe
from vultus.search.kernels import Kernel, choose_kernel
from vultus.search.loaded_collection import Snapshot
from vultus.search.recall import SearchState
from vultus.search.scan import Search, scan
from vultus.search.searches import one_subject, probe_terms, ranking
from vultus.search.segments import Block
from vultus.search.source import Mark, SearchSource
from vultus.storage.vector_search.background_work import BackgroundWork
from vultus.storage.vector_search.candidates import FIRST_READ, Wanted, candidates
from vultus.storage.vector_search.hnsw_use import HnswUse
from vultus.storage.vector_search.recall_measuring import PROBES
from vultus.storage.vector_search.term_filling import SMALL_FACES, Terms, refresh_terms, sample_of
from vultus.storage.vector_search.vector_filling import catch_up
from vultus.storage.vector_search.vector_tables import State, VectorDatabase, prepare_database, read_state

R = TypeVar("R")
MOST_KNOWN = 1000  # collections whose last state is kept for `state`, `loaded` and `held_size`


@dataclass(frozen=True)
class Asked(Generic[R]):
    """What is looked for. subject: of whom every face is compared. exact: whether all faces are; None: as is in use."""

    searches: Callable[[list[Probe]], Sequence[Search[R]]]
    subject: int | None = None
    exact: bool | None = None


class DatabaseIndex:
    """Used by many threads and several servers at once."""

    def __init__(
        self,
        database: VectorDatabase,
        source: SearchSource,
        *,
        hnsw_from_faces: int,
        ef_search: int,
        kernel: Kernel | None = None,
        cohort_faces: int = COHORT_FACES,
        first_read: int = FIRST_READ,
        probes: int = PROBES,
        background: bool = True,
    ) -> None:
        """hnsw_from_faces: the size from which on a collection gets an HNSW index; 0: never. ef_search: how many faces
        that looks at. kernel, cohort_faces: as of the flat index. first_read: faces that the database is asked for
        at first. probes: of each kind, by which a recall is
        measured. background: whether this process builds indexes.

        Raises: SettingsInvalid, when the database lacks pgvector.
        """
        self._database, self._source, self._cohort_faces = database, source, cohort_faces
        self.use, self._first_read = HnswUse(hnsw_from_faces, ef_search), first_read
        self._kernel = choose_kernel() if kernel is None else kernel
        self._known: dict[str, State] = {}  # as of the last search
        self._filling: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()  # of these two
        prepare_database(database)
        self.background = BackgroundWork(database, self, self.use, probes=probes, enabled=background)

    def search(
        self, collection: str, probes: Float32, k: int, rule: CohortRule | None = None, *, space: int | None = None
    ) -> list[list[Candidate]]:
        """Per probe at most k candidates, best first. Raises: as `FlatIndex.search`."""
        with stage("search"):
            return self._answer(collection, probes, rule, Asked(lambda made: ranking(made, k, rule)), space)

    def search_subject(
        self, collection: str, probes: Float32, subject_pk: int, rule: CohortRule, *, space: int | None = None
    ) -> list[Candidate | None]:
        """Per probe the best face of one subject; None where it has none. Raises: as `FlatIndex.search`."""
        with stage("search"):
            asked = Asked(lambda made: one_subject(made, subject_pk, rule), subject=subject_pk)
            return self._answer(collection, probes, rule, asked, space)

    def terms(
        self, collection: str, probes: Float32, rule: CohortRule, *, space: int | None = None
    ) -> NDArray[np.float64]:
        """Per probe its term, nobody left out, (Q,). Raises: as `FlatIndex.search`."""
        with stage("search"):
            found = self._answer(collection, probes, rule, Asked(lambda made: probe_terms(made, rule)), space)
        return np.array(found, np.float64)

    def search_either_way(
        self, collection: str, probes: Float32, k: int, rule: CohortRule | None, *, exact: bool
    ) -> list[list[Candidate]]:
        """As `search`, by the HNSW index or without it, whichever is in use: to measure its recall."""
        return self._answer(collection, probes, rule, Asked(lambda made: ranking(made, k, rule), exact=exact), None)

    def sample(self, collection: str) -> Float32:
        """Some embeddings of the collection, spread evenly over it, (N, D) float32."""
        with self._database.cursor() as cursor:
            return sample_of(cursor, read_state(cursor, collection))

    def prepare(self, collection: str, rule: CohortRule | None) -> None:
        """Fill what is missing, so that the next search need not. Raises: CollectionNotFound."""
        self.background.consider(collection, self._filled(collection, rule), rule)

    def size(self, collection: str) -> tuple[int, int]:
        """Subjects with a face, and faces. Raises: CollectionNotFound."""
        state = self._filled(collection, None)
        return state.subjects, state.faces

    def held_size(self, collection: str) -> tuple[int, int] | None:
        """The same as of the last search of this process, without asking the database; None before it."""
        state = self._known.get(collection)
        return None if state is None else (state.subjects, state.faces)

    def state(self, collection: str) -> SearchState:
        """How the collection is searched, as of the last search of this process; exactly, where there was none."""
        state, building = self._known.get(collection), self.background.builds(collection)
        if state is None:
            return SearchState(building=building)
        made = SearchState(building=building, terms_behind=state.changed_since)
        recall, ef = state.recall, self._ef_of(state)
        if recall is None or ef is None:
            return made
        return replace(made, kind="hnsw", recall=recall, faces=state.faces, candidates=ef)

    def loaded(self) -> tuple[LoadedIndex, ...]:
        """The collections that this process has searched; none is in its memory."""
        with self._guard:
            known = list(self._known)
        shown = [(name, state, self.state(name)) for name in known if (state := self._known.get(name))]
        return tuple(
            LoadedIndex(name, one.kind, state.faces, 0, one.recall.least, refused=self.use.refuses(state))
            for name, state, one in shown
        )

    def marks(self) -> tuple[Mark, ...]:
        """None: nothing is followed in memory."""
        return ()

    def refresh(self, collection: str) -> None:
        """Nothing: what was erased left the tables with its faces."""

    def discard(self, collection: str) -> None:
        """Forget what was known of a collection."""
        with self._guard:
            self._known.pop(collection, None)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing is done in the background, or so long."""
        self.background.wait(seconds)

    def close(self) -> None:
        """Stop what is done in the background. Searches remain possible."""
        self.background.close()

    def refresh_terms(self, collection: str, rule: CohortRule) -> None:
        """Compute all terms again. Raises: CollectionNotFound, StorageFailed."""
        refresh_terms(self._database, collection, self._terms(rule))

    def read_state(self, collection: str) -> State:
        """What is known of a collection now. Raises: CollectionNotFound."""
        with self._database.cursor() as cursor:
            return read_state(cursor, collection)

    def _answer(
        self, collection: str, probes: Float32, rule: CohortRule | None, asked: Asked[R], space: int | None
    ) -> list[R]:
        """The result of each search on the collection as it is committed now. Raises: SpaceChanged."""
        digest, wanted, before = (
            None if rule is None else rule.digest,
            cast("Mark | None", None),
            cast("Mark | None", None),
        )
        while True:
            with self._database.cursor() as cursor:
                state = read_state(cursor, collection)
                ready = state.is_filled(wanted) and state.has_terms(digest, wanted)
                chosen = self._chosen(cursor, state, probes, asked, space) if ready else []
            wanted = wanted or state.mark
            if not ready:
                self._filled(collection, rule)
                continue
            self._note(collection, state, rule)
            found, complete = self._results(state, rule, chosen)
            if complete or state.mark == before:
                return found
            before = state.mark  # a face was erased meanwhile: search without it

    def _chosen(
        self, cursor: DBAPICursor, state: State, probes: Float32, asked: Asked[R], space: int | None
    ) -> list[tuple[Search[R], tuple[Block, ...]]]:
        """Per probe its search, and the faces that may be in its result."""
        require_space(state.mark, space)
        searches = asked.searches([as_probe(unit) for unit in unit_rows(probes, state.dimension)])
        ef = self._ef_of(state) if asked.exact is None else None if asked.exact else self.use.ef_search
        wanted = [Wanted(one.probe, one.shortlists, asked.subject, ef, self._first_read) for one in searches]
        return [(one, candidates(cursor, state, its)) for one, its in zip(searches, wanted, strict=True)]

    def _results(
        self, state: State, rule: CohortRule | None, chosen: Sequence[tuple[Search[R], tuple[Block, ...]]]
    ) -> tuple[list[R], bool]:
        """The results, and whether all faces that they name were still stored."""
        found, complete = [], True
        for search, blocks in chosen:
            snapshot = Snapshot(state.mark, state.dimension, blocks, rule=rule, embeddings=True)
            (scanned,) = scan(self._kernel, snapshot, [search], self._source)
            found.append(search.result(scanned))
            complete = complete and scanned.cosines.complete
        return found, complete

    def _filled(self, collection: str, rule: CohortRule | None) -> State:
        """The state of the collection once nothing is missing. Raises: CollectionNotFound, StorageFailed."""
        digest = None if rule is None else rule.digest
        state = self._read_known(collection)
        if state.is_filled() and state.has_terms(digest):
            return state
        with self._lock_of(collection):  # one thread fills, the others wait
            catch_up(self._database, collection, None if rule is None else self._terms(rule))
            state = self._read_known(collection)
            small = state.faces <= min(SMALL_FACES, self._cohort_faces)
            if rule is not None and small and state.changed_since:
                self.refresh_terms(collection, rule)
        return self._read_known(collection)

    def _terms(self, rule: CohortRule) -> Terms:
        return Terms(rule, self._kernel, self._cohort_faces)

    def _read_known(self, collection: str) -> State:
        try:
            return self.read_state(collection)
        except CollectionNotFound:
            self.discard(collection)
            raise

    def _lock_of(self, collection: str) -> threading.Lock:
        with self._guard:
            return self._filling.setdefault(collection, threading.Lock())

    def _note(self, collection: str, state: State, rule: CohortRule | None) -> None:
        with self._guard:
            if collection in self._known or len(self._known) < MOST_KNOWN:
                self._known[collection] = state
        self.background.consider(collection, state, rule)

    def _ef_of(self, state: State) -> int | None:
        """Of the HNSW index to ask; None: all faces are compared."""
        return self.use.ef_search if self.use.is_in_use(state) else None
