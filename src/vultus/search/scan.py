"""Scanning a snapshot: the shortlists of searches consider its faces, all or those that a PQ index chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from vultus.records.seen import Float32
from vultus.search.int8_codes import Probe
from vultus.search.kernels import Kernel
from vultus.search.loaded_collection import Snapshot
from vultus.search.rescoring import ExactCosines, Fetch, Shortlist
from vultus.search.segments import Block

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

    def consider_subjects(self, shortlist: Shortlist, subject_pks: Sequence[int], blocks: Sequence[Block]) -> None:
        """Let a shortlist consider the faces of some subjects and no others."""
        for block in blocks:
            of_them = np.isin(block.rows.subject_pks, subject_pks, kind="sort")  # for few numbers four times as fast
            places = np.flatnonzero(of_them & block.alive)
            if len(places):
                rows, terms = block.rows.take(places), None if block.terms is None else block.terms[places]
                (products,) = self.kernel(shortlist.probe.values[None, :], rows.codes.values)
                shortlist.consider(Block(rows, np.ones(len(rows), np.bool_), 0, terms=terms), products)


def scan(kernel: Kernel, snapshot: Snapshot, searches: Sequence[Search[object]], fetch: Fetch) -> list[Scanned]:
    """Per search what its shortlists have considered."""
    done: list[Scanned] = []
    for start in range(0, len(searches), PROBES_AT_ONCE):
        some = searches[start : start + PROBES_AT_ONCE]
        chosen = _scan_chosen(kernel, snapshot, some)
        others = snapshot.blocks[snapshot.pq.blocks if snapshot.pq else 0 :]
        _scan_blocks(kernel, others, some)
        done += [
            Scanned(snapshot.blocks, [*own, *others], ExactCosines(search.probe, fetch), kernel)
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
    *others, last = search.shortlists
    for shortlist in others:
        shortlist.consider(block, products.copy())
    last.consider(block, products)
