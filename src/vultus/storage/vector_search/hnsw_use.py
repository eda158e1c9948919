"""When a collection gets an HNSW index, and whether its recall is good enough for it to be asked."""

from __future__ import annotations

from dataclasses import dataclass

from vultus.search.pq_builder import LEAST_RECALL, RETRY_GROWTH
from vultus.storage.vector_search.hnsw_tables import MOST_DIMENSIONS
from vultus.storage.vector_search.vector_tables import State


@dataclass(frozen=True)
class HnswUse:
    """from_faces: the size from which on a collection has an index; 0: never. ef_search: how many faces it looks at."""

    from_faces: int
    ef_search: int

    def is_wanted(self, state: State) -> bool:
        """Whether the collection is large enough."""
        return bool(self.from_faces) and state.faces >= self.from_faces and state.dimension <= MOST_DIMENSIONS

    def is_in_use(self, state: State) -> bool:
        """Whether searches ask the index."""
        recall = self._measured(state)
        return recall is not None and recall >= LEAST_RECALL and self.is_wanted(state)

    def refuses(self, state: State) -> bool:
        """Whether there is an index, and it finds too little."""
        recall = self._measured(state)
        return recall is not None and recall < LEAST_RECALL and self.is_wanted(state)

    def is_due(self, state: State) -> bool:
        """Whether an index is to be built, or measured again, as the collection has grown or ef_search has changed."""
        if not self.is_wanted(state) or not state.is_filled():
            return False
        return self._measured(state) is None or state.faces > RETRY_GROWTH * state.measured_faces

    def _measured(self, state: State) -> float | None:
        return None if state.recall is None or state.ef_search != self.ef_search else state.recall.least
