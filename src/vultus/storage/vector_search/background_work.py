"""What a search in the database leaves for later: the terms of all faces again, HNSW indexes and their recall.

One thread of one server at a time does it; searches go on as before.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol, cast

from sqlalchemy.engine.interfaces import DBAPICursor

from vultus.errors import StorageUnavailable, VultusError
from vultus.search.cohort import CohortRule
from vultus.storage.vector_search.hnsw_tables import build_index, drop_index, index_name, known_indexes
from vultus.storage.vector_search.hnsw_use import HnswUse
from vultus.storage.vector_search.recall_measuring import PROBES, EitherWay, Measurement, measure
from vultus.storage.vector_search.term_filling import is_stale
from vultus.storage.vector_search.vector_tables import State, VectorDatabase, update_state, writing

AGAIN_SECONDS = 60.0  # after what failed, or what another server does
CLOSING_SECONDS = 5.0
COLLECTIONS = "SELECT pk FROM collections"

log = logging.getLogger(__name__)


class WorkCancelled(Exception):
    """The process ends."""


class Searched(EitherWay, Protocol):
    """The index that the work is for: see `DatabaseIndex`."""

    def refresh_terms(self, collection: str, rule: CohortRule) -> None: ...

    def read_state(self, collection: str) -> State: ...


@dataclass(frozen=True)
class _Task:
    collection: str
    rule: CohortRule | None


class BackgroundWork:
    """Decides what is due, and does it in a thread, one collection at a time."""

    def __init__(
        self, database: VectorDatabase, index: Searched, use: HnswUse, *, probes: int = PROBES, enabled: bool = True
    ) -> None:
        """probes: of each kind, by which a recall is measured. enabled: whether anything is done unasked."""
        self._database, self._index, self._use = database, index, use
        self._probes, self._enabled = probes, enabled
        self._guard = threading.Lock()
        self._closed = threading.Event()
        self._at_work: tuple[_Task, threading.Thread] | None = None
        self._not_before: dict[str, float] = {}
        self._maintaining: Any = None  # the connection of the statement that runs

    def consider(self, collection: str, state: State, rule: CohortRule | None) -> None:
        """Start what is due, if nothing is done. Returns at once."""
        if not self._enabled or self._at_work is not None or not self._is_due(state, rule):
            return
        with self._guard:
            waits = time.monotonic() < self._not_before.get(collection, 0.0)
            if self._at_work is None and not waits and not self._closed.is_set():
                task = _Task(collection, rule)
                thread = threading.Thread(target=self._work, args=(task,), name="vector-search", daemon=True)
                self._at_work = task, thread
                thread.start()

    def builds(self, collection: str) -> bool:
        """Whether something is done for this collection."""
        at_work = self._at_work
        return at_work is not None and at_work[0].collection == collection

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing is done, or so long."""
        at_work = self._at_work
        if at_work is not None:
            at_work[1].join(seconds)

    def close(self) -> None:
        """Cancel what is done; nothing is begun any more."""
        self._closed.set()
        connection = self._maintaining
        if connection is not None:
            connection.cancel()  # a half built index is built again
        self.wait(CLOSING_SECONDS)

    def measure_index(
        self, collection: str, rule: CohortRule | None, *, probes: int = PROBES, k: int = 10
    ) -> Measurement | None:
        """Build the index where it is missing, measure its recall, and store that; None while another server builds.

        Raises: CollectionNotFound, StorageFailed.
        """
        with self._database.maintaining() as cursor:
            return None if cursor is None else self._measured(cursor, collection, rule, probes, k)

    def _is_due(self, state: State, rule: CohortRule | None) -> bool:
        return self._use.is_due(state) or (rule is not None and is_stale(state))

    def _work(self, task: _Task) -> None:
        try:
            with self._database.maintaining() as cursor:
                if cursor is not None:
                    self._do(cursor, task)
        except WorkCancelled:
            log.info("the work on the search in the database ends with the server, and is begun again")
        except VultusError as exc:
            if not (self._closed.is_set() and isinstance(exc, StorageUnavailable)):
                log.warning("the search in the database is not kept up for now: %s", exc)
        finally:
            with self._guard:
                self._at_work = None
                self._not_before[task.collection] = time.monotonic() + AGAIN_SECONDS

    def _do(self, cursor: DBAPICursor, task: _Task) -> None:
        state = self._index.read_state(task.collection)
        if task.rule is not None and is_stale(state):
            self._index.refresh_terms(task.collection, task.rule)
        if self._use.is_due(state):
            self._measured(cursor, task.collection, task.rule, self._probes, 10)

    def _measured(
        self, cursor: DBAPICursor, collection: str, rule: CohortRule | None, probes: int, k: int
    ) -> Measurement:
        self._build(cursor, self._index.read_state(collection))
        start = time.monotonic()
        found = measure(self._index, collection, rule, probes=probes, k=k, check=self._check)
        state = self._index.read_state(collection)
        with writing(self._database) as own:
            update_state(
                own,
                state.mark.collection_pk,
                recall_mated=found.recall.mated,
                recall_non_mated=found.recall.non_mated,
                ef_search=self._use.ef_search,
                measured_faces=state.faces,
            )
        said = f"HNSW index of {state.faces} faces, {found.recall}, measured in {time.monotonic() - start:.0f} s"
        if self._use.refuses(self._index.read_state(collection)):
            log.warning("it finds too little and is not used: %s; raise VULTUS_HNSW_EF_SEARCH", said)
        else:
            log.info("%s", said)
        return found

    def _build(self, cursor: DBAPICursor, state: State) -> None:
        """Build the index of a collection where it is missing; drop what a crash or an erasure left."""
        cursor.execute(COLLECTIONS)
        wanted = {index_name(pk): pk for (pk,) in cursor.fetchall()}
        known = known_indexes(cursor)
        for name, whole in known.items():
            if name not in wanted or not whole:
                drop_index(cursor, int(name.rpartition("_")[2]))
        pk = state.mark.collection_pk
        if not known.get(index_name(pk)):
            self._maintaining = cast(Any, cursor).connection
            try:
                build_index(cursor, pk, state.dimension, state.faces)
            finally:
                self._maintaining = None
        self._check()

    def _check(self) -> None:
        if self._closed.is_set():
            raise WorkCancelled
