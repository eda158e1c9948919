"""A collection in memory: segments that only grow, rows of erased and moved faces marked as dead, and snapshots."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule
from vultus.search.cohort_terms import COHORT_FACES, CohortTerms
from vultus.search.kernels import Kernel
from vultus.search.pq_index import PqIndex
from vultus.search.segments import SEGMENT_ROWS, Block, Int64, Rows, Segment, empty_rows
from vultus.search.shared_terms import SharedTerms
from vultus.search.source import ChangeSet, Mark

Marks = NDArray[np.bool_]

MARKS_A_NUMBER = 16  # bytes of a table of marks for each number; where it takes more, the numbers are sorted instead


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A collection at one revision, so that a search needs no lock. Only the codes of erased faces are overwritten.

    dimension: D of its embeddings. sealed: how many blocks, from the first on, gain no more rows. pq: an index of some
    of those, from the first on; None: all faces are compared. rule: by which the blocks have terms; None: they have
    none. embeddings: whether the blocks have them.
    """

    mark: Mark
    dimension: int
    blocks: tuple[Block, ...]
    sealed: int = 0
    pq: PqIndex | None = None
    rule: CohortRule | None = None
    embeddings: bool = False

    def embeddings_of(self, places: Int64) -> tuple[Float32, Marks]:
        """The embeddings of the rows at these places, (R, D) float32, copied; and which of them were not erased."""
        numbers = np.searchsorted(self._starts, places, side="right") - 1
        if len(numbers) and (numbers == numbers[0]).all():
            return self._of_block(int(numbers[0]), places)
        found, known = np.empty((len(places), self.dimension), np.float32), np.empty(len(places), np.bool_)
        for number in set(numbers.tolist()):
            here = np.flatnonzero(numbers == number)
            found[here], known[here] = self._of_block(number, places[here])
        return found, known

    def _of_block(self, number: int, places: Int64) -> tuple[Float32, Marks]:
        rows, inside = self.blocks[number].rows, places - self._starts[number]
        assert rows.embeddings is not None
        found = rows.embeddings[inside]
        return found, rows.codes.scales[inside] != 0  # read last: see `Segment.remove`

    @cached_property
    def _starts(self) -> Int64:
        """The place of each block's first row."""
        return np.cumsum([0, *map(len, self.blocks[:-1])])

    @cached_property
    def faces(self) -> int:
        """How many faces."""
        return sum(len(block) - block.dead for block in self.blocks)

    @cached_property
    def subjects(self) -> int:
        """How many subjects with a face."""
        return _distinct([block.rows.subject_pks[block.alive] for block in self.blocks])

    def size(self) -> tuple[int, int]:
        """Subjects with a face, and faces."""
        return self.subjects, self.faces


@dataclass(eq=False)
class LoadedCollection:
    """Turns changes into snapshots. `lock` is needed to apply changes, not to search a snapshot; `terms_lock` to make
    the first terms.

    accounted: its bytes when the budget was last checked. discarded: it is no longer searched. retry_at_size: below so
    many faces no PQ index is tried again, as the last one found too little or could not be built. has_embeddings: those
    of all faces are in memory too.
    """

    segment_rows: int = SEGMENT_ROWS
    cohort_faces: int = COHORT_FACES
    lock: threading.Lock = field(default_factory=threading.Lock)
    terms_lock: threading.Lock = field(default_factory=threading.Lock)  # taken before `lock`
    mark: Mark | None = None  # what is applied; None: load all
    nbytes: int = 0
    accounted: int = 0
    discarded: bool = False
    retry_at_size: int = 0
    has_embeddings: bool = False
    shared_terms: SharedTerms | None = None  # of the segments as they were loaded; None after they were replaced
    _snapshot: Snapshot | None = None
    _segments: list[Segment] = field(default_factory=list)
    _terms: CohortTerms | None = None  # None before the first search by a rule

    def apply(self, changes: ChangeSet) -> Snapshot:
        """The snapshot after the changes. The caller holds the lock."""
        if self._snapshot is not None and changes.mark == self.mark:
            return self._snapshot
        self.mark = None  # if what follows fails, the next pull starts from the beginning
        if changes.fresh:
            self._segments = [Segment(rows, self.segment_rows) for rows in changes.added]
            self.has_embeddings = all(rows.embeddings is not None for rows in changes.added)
            self._terms, self.shared_terms = None, None
        else:
            self._remove(changes.removed)  # first: SQLite may give the number of a face that is gone to a new one
            self._replace(changes.added)
            if self.has_embeddings and any(rows.embeddings is None for rows in changes.added):
                self._drop_embeddings()
            self._append(changes.added, changes.dimension)
        if self._terms is not None:
            self._terms.update([segment.block for segment in self._segments])
        if self._dead() > self._living():  # compacting copies all that lives, so not at each erasure
            self._compact(changes.dimension)
        blocks = self._blocks()
        sealed = len(blocks) - bool(self._segments and self._segments[-1].free_rows)
        pq = None if self._snapshot is None else _fitting(self._snapshot.pq, blocks)
        rule = None if self._terms is None else self._terms.rule
        self._snapshot = Snapshot(changes.mark, changes.dimension, blocks, sealed, pq, rule, self.has_embeddings)
        self._count()
        self.mark = changes.mark
        return self._snapshot

    def with_terms(self, rule: CohortRule, kernel: Kernel) -> Snapshot:
        """The latest snapshot, with terms by this rule; kept up from now on. The caller does not hold the lock.

        Making the first terms takes seconds in a large collection, in which changes and other searches go on.
        """
        with self.terms_lock:
            while True:
                with self.lock:
                    assert self._snapshot is not None
                    if self._terms is not None and self._terms.rule.same(rule):
                        return self._snapshot
                    segments, blocks = self._segments, [segment.block for segment in self._segments]
                    shared = self.shared_terms
                terms = CohortTerms(rule, kernel, self.cohort_faces)
                if shared is None:
                    terms.update(blocks)
                else:
                    shared.fill(terms, blocks)
                with self.lock:
                    if self._segments is segments:  # as long as they were not compacted or loaded again
                        return self._adopt_terms(terms)

    def _adopt_terms(self, terms: CohortTerms) -> Snapshot:
        """Search with these terms from now on, once they know the latest changes."""
        assert self._snapshot is not None
        terms.update([segment.block for segment in self._segments])
        self._terms = terms
        # The recall of a PQ index was measured by another rule, or none.
        self._snapshot = replace(self._snapshot, blocks=self._blocks(), pq=None, rule=terms.rule)
        self._count()
        return self._snapshot

    def adopt(self, pq: PqIndex | None) -> bool:
        """Search with this PQ index from now on, or with none; False if it no longer fits the collection."""
        with self.lock:
            if self._snapshot is None or _fitting(pq, self._snapshot.blocks) is not pq:
                return False
            if pq is not None and pq.rule is not self._snapshot.rule:
                return False
            self._snapshot = replace(self._snapshot, pq=pq)
            self._count()
            return True

    def snapshot_at(self, mark: Mark, rule: CohortRule | None) -> Snapshot | None:
        """The latest snapshot, if it is the one of this mark, and has terms by the rule. Needs no lock."""
        snapshot = self._snapshot
        if snapshot is None or snapshot.mark != mark:
            return None
        fits = rule is None or (snapshot.rule is not None and snapshot.rule.same(rule))
        return snapshot if fits else None

    def leave_embeddings(self) -> None:
        """Free the memory of the embeddings: from now on searches read those they need from the gallery."""
        with self.lock:
            self._drop_embeddings()
            if self._snapshot is not None:
                self._snapshot = replace(self._snapshot, blocks=self._blocks(), embeddings=False)
            self._count()

    @property
    def embedding_bytes(self) -> int:
        """Bytes of memory of the embeddings."""
        kept = (segment.embedding_bytes for segment in self._segments)
        return sum(kept)

    def _drop_embeddings(self) -> None:
        self.has_embeddings = False
        for segment in self._segments:
            segment.drop_embeddings()

    @property
    def snapshot(self) -> Snapshot | None:
        """The latest snapshot, None before the first."""
        return self._snapshot

    def _count(self) -> None:
        pq = self._snapshot.pq if self._snapshot else None
        terms = self._terms.nbytes if self._terms else 0
        self.nbytes = sum(segment.nbytes for segment in self._segments) + (pq.nbytes if pq else 0) + terms

    def _blocks(self) -> tuple[Block, ...]:
        blocks = [segment.block for segment in self._segments]
        ends = np.cumsum([len(block) for block in blocks]).tolist()
        terms = None if self._terms is None else self._terms.values
        return tuple(
            replace(block, places=end - len(block), terms=None if terms is None else terms[end - len(block) : end])
            for block, end in zip(blocks, ends, strict=True)
        )

    def _append(self, added: Iterable[Rows], dimension: int) -> None:
        for rows in added:
            start = 0
            while start < len(rows):
                if not (self._segments and self._segments[-1].free_rows):
                    empty = empty_rows(0, dimension, embeddings=self.has_embeddings)
                    self._segments.append(Segment(empty, self.segment_rows))
                stop = min(len(rows), start + self._segments[-1].free_rows)
                self._segments[-1].append(rows.part(start, stop))
                start = stop

    def _remove(self, face_pks: Int64) -> None:
        if len(face_pks):
            ordered = np.sort(face_pks)
            for segment in self._segments:
                segment.remove(ordered)

    def _replace(self, added: Iterable[Rows]) -> None:
        """Mark the older rows of added faces as dead: these faces have moved to another subject."""
        for rows in added:
            ordered = np.sort(rows.face_pks)
            for segment in self._segments:
                segment.replace(ordered)

    def _dead(self) -> int:
        return sum(segment.block.dead for segment in self._segments)

    def _living(self) -> int:
        return sum(len(segment.block) - segment.block.dead for segment in self._segments)

    def _compact(self, dimension: int) -> None:
        """Copy the living rows into new segments."""
        old, self._segments, self.shared_terms = self._segments, [], None
        self._append((segment.living() for segment in old), dimension)
        if self._terms is not None:
            self._terms.compact()


def _fitting(pq: PqIndex | None, blocks: tuple[Block, ...]) -> PqIndex | None:
    """The index, erased rows removed; None if it was built of other blocks."""
    if pq is None or not pq.covers(blocks):
        return None
    pq.erase(blocks)
    return pq


def _distinct(parts: list[Int64]) -> int:
    """How many different numbers there are, none of them negative."""
    largest = max((int(part.max()) for part in parts if len(part)), default=-1)
    if largest > MARKS_A_NUMBER * sum(map(len, parts)):
        return len(np.unique(np.concatenate(parts)))
    seen = np.zeros(largest + 1, np.bool_)
    for part in parts:
        seen[part] = True
    return int(np.count_nonzero(seen))
