"""From int8 products to exact results: a shortlist of faces, and their cosines computed from the float32 embeddings.

Each face's cosine lies in an interval (see `int8_codes.py`). A face is ruled out when the top of its interval lies
below the bottoms of k other subjects, or of a better face of its own subject. The others, the shortlist, are fetched
from the gallery, highest top first, until the next one could not change the result. So the result is that of an exact
search, whatever the data; only the number of faces fetched depends on the data.

A shortlist may rank faces by their cosine less a share of their own terms (see `cohort.py`). The term of a face is
known, so that its interval is only shifted, and all the above holds of the shifted ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32
from vultus.search.int8_codes import Probe
from vultus.search.segments import Block, Int64
from vultus.search.source import StoredEmbeddings

SEEDS_PER_LINE = 16  # rows of the first block that raise the floor, for each candidate wanted
FIRST_FETCH = 48  # faces; each further fetch has GROWTH times as many
GROWTH = 4
LOWEST = float(np.finfo(np.float32).min)  # below the top of every living row; that of a dead one is -inf

Fetch = Callable[[Sequence[int]], StoredEmbeddings]
Rank = tuple[float, int, float]  # a face's negative value, its number, its term: sorts as lines do


@dataclass(frozen=True)
class Line:
    """The best face of a subject.

    value: by which faces are ranked, the cosine less the share of the face's term. face_pk, subject_pk: the gallery's
    numbers of them; subject, face_id: their ids. term: 0 where it takes no part.
    """

    value: float
    face_pk: int
    subject_pk: int
    cosine: float
    term: float
    subject: str
    face_id: str


class Shortlist:
    """The faces that may belong to the k best subjects: numbers, tops, bottoms and terms, parallel arrays (M,)."""

    def __init__(self, probe: Probe, k: int, weight: float = 0.0) -> None:
        """weight: the share of a face's term that is taken off its cosine; if it is 0, no terms are needed."""
        self.probe, self.k, self.weight = probe, k, weight
        self.face_pks: Int64 = np.empty(0, np.int64)
        self.subject_pks: Int64 = np.empty(0, np.int64)
        self.tops: Float32 = np.empty(0, np.float32)
        self.terms: Float32 = np.empty(0, np.float32)
        self._bottoms: Float32 = np.empty(0, np.float32)
        self._floor = -np.inf  # k subjects are known to be at least as similar as the floor

    def consider(self, block: Block, products: Float32) -> None:
        """Add what a block has to add. products: of the probe's values with those of the block, (N,); overwritten."""
        codes = block.rows.codes
        middles = np.multiply(products, codes.scales, out=products)
        middles *= self.probe.scale
        if self.weight and block.terms is not None:
            middles -= np.float32(self.weight) * block.terms
        tops = middles + codes.errors
        tops += self.probe.margin
        if block.dead:
            tops[~block.alive] = -np.inf
        if self._floor == -np.inf:
            self._seed(block, middles, tops)
        places = np.flatnonzero(tops >= max(self._floor, LOWEST))
        if len(places):
            self._add(block, places, middles, tops)

    def first(self, count: int = FIRST_FETCH) -> list[int]:
        """The numbers of the faces with the highest tops, at most so many."""
        highest: list[int] = self.face_pks[np.argsort(-self.tops, kind="stable")[:count]].tolist()
        return highest

    def _seed(self, block: Block, middles: Float32, tops: Float32) -> None:
        """Raise the floor by the best rows of a block, so that few of its other rows are added."""
        take = SEEDS_PER_LINE * self.k
        while take < len(tops) and self._floor == -np.inf:
            least = max(np.partition(tops, len(tops) - take)[len(tops) - take], LOWEST)
            places = np.flatnonzero(tops >= least)
            bottoms = 2 * middles[places] - tops[places]
            self._raise_floor(_best_of_each(block.rows.subject_pks[places], bottoms)[0])
            take *= GROWTH

    def _add(self, block: Block, places: NDArray[np.intp], middles: Float32, tops: Float32) -> None:
        terms = np.zeros(len(places), np.float32) if block.terms is None else block.terms[places]
        self.face_pks = np.concatenate([self.face_pks, block.rows.face_pks[places]])
        self.subject_pks = np.concatenate([self.subject_pks, block.rows.subject_pks[places]])
        self.tops = np.concatenate([self.tops, tops[places]])
        self._bottoms = np.concatenate([self._bottoms, 2 * middles[places] - tops[places]])
        self.terms = np.concatenate([self.terms, terms])
        best, own = _best_of_each(self.subject_pks, self._bottoms)
        self._raise_floor(best)
        keep = (self.tops >= self._floor) & (self.tops >= own)
        self.face_pks, self.subject_pks = self.face_pks[keep], self.subject_pks[keep]
        self.tops, self._bottoms, self.terms = self.tops[keep], self._bottoms[keep], self.terms[keep]

    def _raise_floor(self, best: Float32) -> None:
        if len(best) >= self.k:
            self._floor = max(self._floor, float(np.partition(best, len(best) - self.k)[len(best) - self.k]))


class ExactCosines:
    """The cosines of a probe with faces, from their float32 embeddings; each face is fetched once.

    complete: whether every face that was fetched was still stored. known: by the numbers of those that were the cosine
    and the ids of subject and face.
    """

    def __init__(self, probe: Probe, fetch: Fetch) -> None:
        self.complete = True
        self.known: dict[int, tuple[float, str, str]] = {}
        self._unit, self._fetch, self._asked = probe.unit, fetch, set[int]()

    def look_up(self, face_pks: Sequence[int]) -> None:
        """Add these faces to those known, as far as they are still stored."""
        unknown = list(dict.fromkeys(face_pk for face_pk in face_pks if face_pk not in self._asked))
        if not unknown:
            return
        self._asked.update(unknown)
        found = self._fetch(unknown)
        self.complete = self.complete and len(found.face_pks) == len(unknown)
        if len(found.face_pks):
            cosines = np.vecdot(found.embeddings.astype(np.float64), self._unit).tolist()
            lines = zip(cosines, found.subjects, found.face_ids, strict=True)
            self.known.update(zip(found.face_pks, lines, strict=True))


def rescore(shortlist: Shortlist, cosines: ExactCosines) -> list[Line]:
    """The k best subjects of the shortlist, best first, exactly. Equal ones: the face enrolled first."""
    best: dict[int, Rank] = {}
    places, take = np.lexsort((shortlist.face_pks, -shortlist.tops)), FIRST_FETCH
    while len(places):
        some, places = places[:take], places[take:]
        _keep_best(best, shortlist, some, cosines)
        places, take = _still_open(shortlist, places, best), take * GROWTH
    ranked = sorted((rank, subject_pk) for subject_pk, rank in best.items())[: shortlist.k]
    return [_line(rank, subject_pk, cosines) for rank, subject_pk in ranked]


def _line(rank: Rank, subject_pk: int, cosines: ExactCosines) -> Line:
    negative, face_pk, term = rank
    cosine, subject, face_id = cosines.known[face_pk]
    return Line(-negative, face_pk, subject_pk, cosine, term, subject, face_id)


def _keep_best(best: dict[int, Rank], shortlist: Shortlist, places: NDArray[np.intp], cosines: ExactCosines) -> None:
    """Keep the best face of each subject."""
    face_pks, subject_pks = shortlist.face_pks[places].tolist(), shortlist.subject_pks[places].tolist()
    cosines.look_up(face_pks)
    for face_pk, subject_pk, term in zip(face_pks, subject_pks, shortlist.terms[places].tolist(), strict=True):
        if face_pk in cosines.known:
            rank = shortlist.weight * term - cosines.known[face_pk][0], face_pk, term
            if subject_pk not in best or rank < best[subject_pk]:
                best[subject_pk] = rank


def _still_open(shortlist: Shortlist, places: NDArray[np.intp], best: dict[int, Rank]) -> NDArray[np.intp]:
    """The places whose faces may still become a line, or improve the line of their subject."""
    floor = -sorted(best.values())[shortlist.k - 1][0] if len(best) >= shortlist.k else -np.inf
    places = places[shortlist.tops[places] >= floor]
    own = np.array(
        [-best[subject][0] if subject in best else -np.inf for subject in shortlist.subject_pks[places].tolist()]
    )
    return places[shortlist.tops[places] >= own]


def _best_of_each(subject_pks: Int64, bottoms: Float32) -> tuple[Float32, Float32]:
    """The highest bottom of each subject, (S,), and for each row that of its subject, (M,)."""
    subjects, inverse = np.unique(subject_pks, return_inverse=True)
    best = np.full(len(subjects), -np.inf, np.float32)
    np.maximum.at(best, inverse, bottoms)
    return best, best[inverse]
