"""Making a PQ index: train, add all rows, choose how many candidates are compared exactly, measure the recall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.records import Float32
from vultus.search.int8_codes import floats
from vultus.search.loaded_collection import Snapshot
from vultus.search.pq_index import PqIndex
from vultus.search.recall import Probes, Recall, made_probes, share_found
from vultus.search.segments import Block
from vultus.storage.pq import SAMPLE_ROWS, PqCodes

ROWS_AT_ONCE = 8_192  # 16 MB as float32 at 512 dimensions
MIXED_ROWS = 4_096
PROBES = 256  # of each kind, once to choose the number of candidates and once to measure
PROBES_AT_ONCE = 16
MOST_CANDIDATES = 16_000
WANTED_RECALL = 0.999  # of the probes by which the number of candidates is chosen

Best = Callable[[Snapshot, Float32], NDArray[np.float64]]  # (Q,): the best similarity of each probe; NaN: not known
GoOn = Callable[[], None]  # raises Stopped


class Stopped(Exception):
    """The index is not wanted any more."""


def made_index(faiss: Any, snapshot: Snapshot, best: Best, go_on: GoOn) -> tuple[PqIndex, Recall]:
    """The index of the blocks that no longer grow, and what it finds. `go_on` is called all along."""
    covered = replace(snapshot, blocks=snapshot.blocks[: snapshot.sealed], pq=None)
    sample = sample_of(covered.blocks)
    index = _filled(faiss, covered.blocks, sample, go_on)
    index.recall = _tuned(index, covered, sample[:: -(-len(sample) // MIXED_ROWS)], best, go_on)
    return index, index.recall


def sample_of(blocks: tuple[Block, ...]) -> Float32:
    """SAMPLE_ROWS or fewer living rows from all parts of the blocks, (N, D) float32."""
    living = sum(len(block) - block.dead for block in blocks)
    step = max(1, living // SAMPLE_ROWS)
    chosen = [block.rows.take(np.flatnonzero(block.alive)[::step]) for block in blocks]
    return np.concatenate([floats(rows.codes) for rows in chosen])


def _filled(faiss: Any, blocks: tuple[Block, ...], sample: Float32, go_on: GoOn) -> PqIndex:
    places = np.flatnonzero(np.concatenate([block.alive for block in blocks]))
    index = PqIndex(PqCodes(faiss, sample), blocks, places)
    for start in range(0, len(index), ROWS_AT_ONCE):
        go_on()
        index.add(start, start + ROWS_AT_ONCE)
    return index


def _tuned(index: PqIndex, covered: Snapshot, rows: Float32, best: Best, go_on: GoOn) -> Recall:
    """Choose how many candidates are compared; what other probes find with so many."""

    def found(probes: Probes, snapshot: Snapshot) -> list[NDArray[np.float64]]:
        return [_best_of_all(best, some, snapshot, go_on) for some in (probes.mated, probes.non_mated)]

    choosing, measuring = (made_probes(rows, PROBES, seed) for seed in (1, 2))
    truth, with_index = found(choosing, covered), replace(covered, pq=index)
    while index.candidates < min(MOST_CANDIDATES, len(index)):
        if Recall(*map(share_found, found(choosing, with_index), truth)).least >= WANTED_RECALL:
            break
        index.candidates *= 2
    return Recall(*map(share_found, found(measuring, with_index), found(measuring, covered)))


def _best_of_all(best: Best, probes: Float32, snapshot: Snapshot, go_on: GoOn) -> NDArray[np.float64]:
    parts = []
    for start in range(0, len(probes), PROBES_AT_ONCE):
        go_on()
        parts.append(best(snapshot, probes[start : start + PROBES_AT_ONCE]))
    return np.concatenate(parts)
