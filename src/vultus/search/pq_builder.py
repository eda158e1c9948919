"""Builds PQ indexes in the background, one at a time, while searches go on exactly.

Building: train, add all rows, choose how many candidates are compared exactly, measure the recall.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import VultusError
from vultus.records.seen import Float32
from vultus.search.int8_codes import floats
from vultus.search.loaded_collection import LoadedCollection, Snapshot
from vultus.search.pq_index import LEAST_ROWS, SAMPLE_ROWS, PqCodes, PqIndex, load_faiss
from vultus.search.recall import Probes, Recall, share_found, synthetic_probes
from vultus.search.segments import Block

ROWS_AT_ONCE = 8_192  # 16 MB as float32 at 512 dimensions
MIXED_ROWS = 4_096  # at most so many rows of the sample are mixed into synthetic probes
PROBES = 256  # of each kind, once to choose the number of candidates and once to measure
PROBES_AT_ONCE = 16
MOST_CANDIDATES = 16_000
WANTED_RECALL = 0.999  # of the probes by which the number of candidates is chosen
STALE_SHARE = 0.05  # of the faces in an index: when more are enrolled or erased since, it is built again
LEAST_RECALL = 0.99  # an index that finds less is not used
RETRY_GROWTH = 1.25  # after a failed index the collection has to grow by this factor before another is tried
CLOSING_SECONDS = 5.0  # training, which cannot be cancelled, takes two

log = logging.getLogger(__name__)

Best = Callable[[Snapshot, Float32], NDArray[np.float64]]  # (Q,): the best score of each probe; NaN: not known
CheckCancelled = Callable[[], None]  # raises BuildCancelled


class BuildCancelled(Exception):
    """The collection was discarded, or the builder closed."""


def train_index(faiss: Any, snapshot: Snapshot, best: Best, check_cancelled: CheckCancelled) -> tuple[PqIndex, Recall]:
    """The index of the blocks that no longer grow, and its recall. Raises what `check_cancelled` raises."""
    covered = replace(snapshot, blocks=snapshot.blocks[: snapshot.sealed], pq=None)
    sample = sample_of(covered.blocks)
    index = _filled(faiss, covered.blocks, sample, check_cancelled)
    index.rule = snapshot.rule
    index.recall = _tuned(index, covered, sample[:: -(-len(sample) // MIXED_ROWS)], best, check_cancelled)
    return index, index.recall


def sample_of(blocks: tuple[Block, ...]) -> Float32:
    """At least SAMPLE_ROWS living rows spread evenly over the blocks, or all: (N, D) float32."""
    living = sum(len(block) - block.dead for block in blocks)
    step = max(1, living // SAMPLE_ROWS)
    chosen = [block.rows.take(np.flatnonzero(block.alive)[::step]) for block in blocks]
    return np.concatenate([floats(rows.codes) for rows in chosen])


def _filled(faiss: Any, blocks: tuple[Block, ...], sample: Float32, check_cancelled: CheckCancelled) -> PqIndex:
    places = np.flatnonzero(np.concatenate([block.alive for block in blocks]))
    index = PqIndex(PqCodes(faiss, sample), blocks, places)
    for start in range(0, len(index), ROWS_AT_ONCE):
        check_cancelled()
        index.add(start, start + ROWS_AT_ONCE)
    return index


def _tuned(index: PqIndex, covered: Snapshot, rows: Float32, best: Best, check_cancelled: CheckCancelled) -> Recall:
    """Choose how many candidates are compared exactly; the recall of other probes with so many."""

    def found(probes: Probes, snapshot: Snapshot) -> list[NDArray[np.float64]]:
        return [_best_of_all(best, some, snapshot, check_cancelled) for some in (probes.mated, probes.non_mated)]

    # Two sets of probes: a recall measured with those that chose the number would be too high.
    choosing, measuring = (synthetic_probes(rows, PROBES, seed) for seed in (1, 2))
    best_possible, with_index = found(choosing, covered), replace(covered, pq=index)
    while index.candidates < min(MOST_CANDIDATES, len(index)):
        if Recall(*map(share_found, found(choosing, with_index), best_possible)).least >= WANTED_RECALL:
            break
        index.candidates *= 2
    return Recall(*map(share_found, found(measuring, with_index), found(measuring, covered)))


def _best_of_all(
    best: Best, probes: Float32, snapshot: Snapshot, check_cancelled: CheckCancelled
) -> NDArray[np.float64]:
    parts = []
    for start in range(0, len(probes), PROBES_AT_ONCE):
        check_cancelled()
        parts.append(best(snapshot, probes[start : start + PROBES_AT_ONCE]))
    return np.concatenate(parts)


class PqBuilder:
    """Decides when a collection gets a PQ index, and builds it in a thread."""

    def __init__(self, from_faces: int, best: Best, faiss: Callable[[], Any | None] = load_faiss) -> None:
        """from_faces: the size from which on a collection gets one; 0: none does.

        best: the score of the best subject of each probe, (Q,); NaN where a face was erased meanwhile.
        faiss: loads faiss; None where it cannot.
        """
        self._from_faces, self._best, self._load = from_faces, best, faiss
        self._closed = threading.Event()
        self._guard = threading.Lock()
        self._at_work: tuple[LoadedCollection, threading.Thread] | None = None

    def consider(self, loaded: LoadedCollection, snapshot: Snapshot) -> None:
        """Start building if an index is due and none is being built. Returns at once."""
        if not self._due(loaded, snapshot):
            return
        with self._guard:
            if self._at_work is None and not self._closed.is_set():
                thread = threading.Thread(target=self._work, args=(loaded, snapshot), name="pq-index", daemon=True)
                self._at_work = loaded, thread
                thread.start()

    def builds(self, loaded: LoadedCollection | None) -> bool:
        """Whether the index of this collection is being built."""
        at_work = self._at_work
        return at_work is not None and at_work[0] is loaded

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing is being built, or so long."""
        at_work = self._at_work
        if at_work is not None:
            at_work[1].join(seconds)

    def close(self) -> None:
        """Cancel what is being built; nothing is built any more."""
        self._closed.set()
        self.wait(CLOSING_SECONDS)

    def _due(self, loaded: LoadedCollection, snapshot: Snapshot) -> bool:
        if not self._from_faces or snapshot.faces < max(self._from_faces, loaded.retry_at_size):
            return False
        if self._at_work is not None or loaded.discarded:
            return False
        living = sum(len(block) - block.dead for block in snapshot.blocks[: snapshot.sealed])
        pq = snapshot.pq
        if pq is None:
            return living >= LEAST_ROWS
        enrolled = living - (len(pq) - pq.erased)
        return enrolled + pq.erased > STALE_SHARE * len(pq)

    def _work(self, loaded: LoadedCollection, snapshot: Snapshot) -> None:
        try:
            faiss = self._load()
            if faiss is None:
                self._from_faces = 0  # so that this is tried, and said, once
                log.warning(
                    "a collection has %d faces and faiss is not installed: it is searched exactly, which takes longer "
                    "the larger it is; to have an index: .venv/bin/pip install faiss-cpu",
                    snapshot.faces,
                )
            else:
                self._build(faiss, loaded, snapshot)
        except BuildCancelled:
            log.info("the PQ index of %d faces is not wanted any more", snapshot.faces)
        except (VultusError, RuntimeError, MemoryError) as exc:
            loaded.retry_at_size = int(RETRY_GROWTH * snapshot.faces)
            log.warning("no PQ index of %d faces: %s; they are searched exactly", snapshot.faces, type(exc).__name__)
        finally:
            with self._guard:
                self._at_work = None

    def _build(self, faiss: Any, loaded: LoadedCollection, snapshot: Snapshot) -> None:
        def check_cancelled() -> None:
            if loaded.discarded or self._closed.is_set():
                raise BuildCancelled

        start = time.monotonic()
        index, recall = train_index(faiss, snapshot, self._best, check_cancelled)
        seconds = time.monotonic() - start
        said = f"{len(index)} faces in {seconds:.0f} s, {index.candidates} candidates, {recall}"
        if recall.least < LEAST_RECALL:
            loaded.retry_at_size = int(RETRY_GROWTH * snapshot.faces)
            loaded.adopt(None)
            log.warning("the PQ index finds too little and is not used: %s", said)
        else:
            log.info("PQ index of %s; %s", said, "in use" if loaded.adopt(index) else "outdated before it was ready")
