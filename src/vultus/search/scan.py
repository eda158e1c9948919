"""Scanning a snapshot: the shortlists of searches consider its faces, all or those that a PQ index chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import numpy as np

from vultus.records.seen import Float32
from vultus.search.int8_codes import Probe
from vultus.search.kernels import Kernel
from vultus.search.loaded_collection import Snapshot
from vultus.search.rescoring import ExactCosines, Line, Shortlist, rescore, tops_of
from vultus.search.segments import Block, Int64
from vultus.search.source import SearchSource, StoredEmbeddings

PROBES_AT_ONCE = 64  # their products with a segment take 16 MB
CANDIDATES_PER_LINE = 20  # compared exactly, even if the PQ index asks for fewer: a subject may have many faces

R_co = TypeVar("R_co", covariant=True)


class Search(Protocol[R_co]):
    """What is looked for with one probe: its shortlists, and the result once they have considered all faces."""

    @property
    def probe(self) -> Probe:
        """The probe."""

    @property
    def shortlists(self) -> Sequence[Shortlist]:
        """All of this probe."""

    def result(self, scanned: Scanned) -> R_co:
        """The result, exactly."""


@dataclass(frozen=True, eq=False)
class Scanned:
    """What the shortlists of a probe have considered. everything: the blocks of the snapshot; blocks: those considered.

    cosines: of the probe, exact.
    """

    everything: Sequence[Block]
    blocks: Sequence[Block]
    cosines: ExactCosines
    kernel: Kernel

    def best(self, shortlist: Shortlist) -> list[Line]:
        """The k best subjects of the faces that a shortlist considered, best first."""
        return self._best(shortlist, self.blocks)

    def best_of(self, shortlist: Shortlist, subject_pks: Sequence[int], blocks: Sequence[Block]) -> list[Line]:
        """The same of the faces of some subjects. shortlist: one that has considered nothing."""
        of_them = [_faces_of(subject_pks, block) for block in blocks]
        some = [block for block in of_them if len(block)]
        self._consider(shortlist, some)
        return self._best(shortlist, some)

    def _best(self, shortlist: Shortlist, blocks: Sequence[Block]) -> list[Line]:
        while True:
            lines = rescore(shortlist, self.cosines)
            if lines is not None:
                return lines
            shortlist.widen()
            self._consider(shortlist, blocks)

    def _consider(self, shortlist: Shortlist, blocks: Sequence[Block]) -> None:
        for block in blocks:
            (products,) = self.kernel(shortlist.probe.values[None, :], block.rows.codes.values)
            shortlist.consider(block, tops_of(shortlist.probe, block, products))


def _faces_of(subject_pks: Sequence[int], block: Block) -> Block:
    of_them = np.isin(block.rows.subject_pks, subject_pks, kind="sort")  # for few numbers four times as fast
    return block.some(np.flatnonzero(of_them & block.alive))


def scan(kernel: Kernel, snapshot: Snapshot, searches: Sequence[Search[object]], source: SearchSource) -> list[Scanned]:
    """Per search what its shortlists have considered."""
    read = partial(_read_embeddings, snapshot, source)
    read_owners = partial(source.owners, snapshot.mark)
    done: list[Scanned] = []
    for start in range(0, len(searches), PROBES_AT_ONCE):
        some = searches[start : start + PROBES_AT_ONCE]
        chosen = _scan_chosen(kernel, snapshot, some)
        others = snapshot.blocks[snapshot.pq.blocks if snapshot.pq else 0 :]
        _scan_blocks(kernel, others, some)
        done += [
            Scanned(snapshot.blocks, [*own, *others], ExactCosines(search.probe, read, read_owners), kernel)
            for search, own in zip(some, chosen, strict=True)
        ]
    return done


def _scan_blocks(kernel: Kernel, blocks: Sequence[Block], searches: Sequence[Search[object]]) -> None:
    values = np.stack([search.probe.values for search in searches])
    for block in blocks:
        for search, products in zip(searches, kernel(values, block.rows.codes.values), strict=True):
            _consider(search, block, products)


def _scan_chosen(kernel: Kernel, snapshot: Snapshot, searches: Sequence[Search[object]]) -> list[list[Block]]:
    """Per search the block of the faces that the PQ index chose; no block where there is no index."""
    if snapshot.pq is None:
        return [[] for _ in searches]
    lines = max(shortlist.k for search in searches for shortlist in search.shortlists)
    probes = np.stack([search.probe.unit for search in searches])
    chosen = snapshot.pq.nearest(probes, snapshot.blocks, max(snapshot.pq.candidates, CANDIDATES_PER_LINE * lines))
    for search, block in zip(searches, chosen, strict=True):
        if len(block):
            (products,) = kernel(search.probe.values[None, :], block.rows.codes.values)
            _consider(search, block, products)
    return [[block] for block in chosen]


def _consider(search: Search[object], block: Block, products: Float32) -> None:
    tops = tops_of(search.probe, block, products)
    for shortlist in search.shortlists:
        shortlist.consider(block, tops)


def _read_embeddings(snapshot: Snapshot, source: SearchSource, face_pks: Int64, places: Int64) -> StoredEmbeddings:
    """From memory, or else from the source; without those of faces that were erased since."""
    if not snapshot.embeddings:
        return source.stored_embeddings(snapshot.mark, face_pks.tolist())
    embeddings, known = snapshot.embeddings_of(places)
    if known.all():
        return StoredEmbeddings(face_pks.tolist(), embeddings)
    return StoredEmbeddings(face_pks[known].tolist(), embeddings[known])
