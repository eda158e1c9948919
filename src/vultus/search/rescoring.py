"""From int8 products to exact results: a shortlist of faces, and their cosines computed from the float32 embeddings.

Each face's cosine lies in an interval (see `int8_codes.py`). A face is ruled out when the top of its interval lies
below the bottoms of k other subjects, or of a better face of its own subject. The others, the shortlist, are fetched
from the gallery, highest top first, until the next one could not change the result. So the result is that of an exact
search, whatever the data; only the number of faces fetched depends on the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vultus.records.answers import Candidate
from vultus.records.seen import Float32
from vultus.search.int8_codes import Probe
from vultus.search.segments import Block, Int64
from vultus.search.source import StoredEmbeddings

SEEDS_PER_LINE = 16  # rows of the first block that raise the floor, for each candidate wanted
FIRST_FETCH = 48  # faces; each further fetch has GROWTH times as many
GROWTH = 4
LOWEST = -2.0  # below the top of every living row; that of a dead one is -inf

Fetch = Callable[[Sequence[int]], StoredEmbeddings]


class Shortlist:
    """The faces that may belong to the k best subjects: numbers, tops and bottoms, parallel arrays (M,)."""

    def __init__(self, probe: Probe, k: int) -> None:
        self.probe = probe
        self.face_pks: Int64 = np.empty(0, np.int64)
        self.subject_pks: Int64 = np.empty(0, np.int64)
        self.tops: Float32 = np.empty(0, np.float32)
        self._bottoms: Float32 = np.empty(0, np.float32)
        self._floor, self._k = -np.inf, k  # k subjects are known to be at least as similar as the floor

    def consider(self, block: Block, products: Float32) -> None:
        """Add what a block has to add. products: of the probe's values with those of the block, (N,); overwritten."""
        codes = block.rows.codes
        middles = np.multiply(products, codes.scales, out=products)
        middles *= self.probe.scale
        tops = middles + codes.errors
        tops += self.probe.margin
        if block.dead:
            tops[~block.alive] = -np.inf
        if self._floor == -np.inf:
            self._seed(block, middles, tops)
        places = np.flatnonzero(tops >= max(self._floor, LOWEST))
        if len(places):
            self._add(block, places, middles, tops)

    def _seed(self, block: Block, middles: Float32, tops: Float32) -> None:
        """Raise the floor by the best rows of a block, so that few of its other rows are added."""
        take = SEEDS_PER_LINE * self._k
        while take < len(tops) and self._floor == -np.inf:
            least = max(np.partition(tops, len(tops) - take)[len(tops) - take], LOWEST)
            places = np.flatnonzero(tops >= least)
            bottoms = 2 * middles[places] - tops[places]
            self._raise_floor(_best_of_each(block.rows.subject_pks[places], bottoms)[0])
            take *= GROWTH

    def _add(self, block: Block, places: NDArray[np.intp], middles: Float32, tops: Float32) -> None:
        self.face_pks = np.concatenate([self.face_pks, block.rows.face_pks[places]])
        self.subject_pks = np.concatenate([self.subject_pks, block.rows.subject_pks[places]])
        self.tops = np.concatenate([self.tops, tops[places]])
        self._bottoms = np.concatenate([self._bottoms, 2 * middles[places] - tops[places]])
        best, own = _best_of_each(self.subject_pks, self._bottoms)
        self._raise_floor(best)
        keep = (self.tops >= self._floor) & (self.tops >= own)
        self.face_pks, self.subject_pks = self.face_pks[keep], self.subject_pks[keep]
        self.tops, self._bottoms = self.tops[keep], self._bottoms[keep]

    def _raise_floor(self, best: Float32) -> None:
        if len(best) >= self._k:
            self._floor = max(self._floor, float(np.partition(best, len(best) - self._k)[len(best) - self._k]))


def rescore(shortlist: Shortlist, fetch: Fetch, k: int) -> tuple[list[Candidate], bool]:
    """The k best subjects, best first, by their exact cosines; and whether every face fetched was still stored.

    Equal cosines: the face enrolled first.
    """
    lines: dict[int, tuple[float, int, Candidate]] = {}
    places, take, complete = np.lexsort((shortlist.face_pks, -shortlist.tops)), FIRST_FETCH, True
    while len(places):
        some, places = places[:take], places[take:]
        found = fetch(shortlist.face_pks[some].tolist())
        complete = complete and len(found.face_pks) == len(some)
        subject_of = dict(zip(shortlist.face_pks[some].tolist(), shortlist.subject_pks[some].tolist(), strict=True))
        _keep_best(lines, found, subject_of, shortlist.probe)
        places, take = _still_open(shortlist, places, lines, k), take * GROWTH
    best = sorted(lines.values(), key=lambda line: line[:2])[:k]
    return [candidate for _, _, candidate in best], complete


def _keep_best(
    lines: dict[int, tuple[float, int, Candidate]], found: StoredEmbeddings, subject_of: dict[int, int], probe: Probe
) -> None:
    """Keep the best face of each subject. A line sorts by its negative cosine, then by the face's number."""
    if not len(found.face_pks):
        return
    cosines = np.vecdot(found.embeddings.astype(np.float64), probe.unit).tolist()
    for face_pk, face_id, subject, cosine in zip(found.face_pks, found.face_ids, found.subjects, cosines, strict=True):
        line = (-cosine, face_pk, Candidate(subject, face_id, min(1.0, max(-1.0, cosine))))
        held = lines.get(subject_of[face_pk])
        if held is None or line[:2] < held[:2]:
            lines[subject_of[face_pk]] = line


def _still_open(
    shortlist: Shortlist, places: NDArray[np.intp], lines: dict[int, tuple[float, int, Candidate]], k: int
) -> NDArray[np.intp]:
    """The places whose faces may still become a line, or improve the line of their subject."""
    cosines = sorted((-line[0] for line in lines.values()), reverse=True)
    floor = cosines[k - 1] if len(cosines) >= k else -np.inf
    subjects = shortlist.subject_pks[places].tolist()
    own = np.array([-lines[subject][0] if subject in lines else -np.inf for subject in subjects])
    tops = shortlist.tops[places]
    return places[(tops >= floor) & (tops >= own)]


def _best_of_each(subject_pks: Int64, bottoms: Float32) -> tuple[Float32, Float32]:
    """The highest bottom of each subject, (S,), and for each row that of its subject, (M,)."""
    subjects, inverse = np.unique(subject_pks, return_inverse=True)
    best = np.full(len(subjects), -np.inf, np.float32)
    np.maximum.at(best, inverse, bottoms)
    return best, best[inverse]
