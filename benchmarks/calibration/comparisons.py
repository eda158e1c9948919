"""1:1 and 1:N scores of pools of people alike: people of one half, mean faces of the other half."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.calibration.distributions import Distribution
from benchmarks.calibration.people import Faces, Rows, one_each, pool_groups
from benchmarks.calibration.relative_scores import GalleryScores, pair_scores, terms_alone
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule, Float64

MOST_PHOTOS = 1000  # of a group, of one half: half a million pairs
LEAST_PROBES, MOST_PROBES = 15, 300  # people of a pool searched for who are not enrolled
SCORES_A_POOL = 400_000  # of one size, of one half
MOST_GALLERIES = 40
MOST_MATED = 30  # pairs of one person

PoolScores = dict[str, Distribution]


@dataclass(frozen=True, eq=False)
class Half:
    """The people of one half and the rule of the cohort by the mean faces of the other half. vectors: (N, D) of all."""

    faces: Faces
    vectors: Float32
    half: bool
    rule: CohortRule

    def pools(self) -> dict[str, list[Rows]]:
        return pool_groups(self.faces, self.half)

    def terms(self) -> Float64:
        """The terms by the mean faces alone, of all faces."""
        if self.rule.weight == 0:
            return np.zeros(len(self.vectors))
        return terms_alone(self.vectors, self.rule)


def halves_of(faces: Faces, vectors: Float32, rules: Mapping[bool, CohortRule]) -> list[Half]:
    """Both halves, each with the rule made from the other half. rules: by the half whose mean faces they have."""
    return [Half(faces, vectors, half, rules[not half]) for half in (False, True)]


def pairs_alone(half: Half) -> PoolScores:
    """The scores of pairs of different people of each pool, by the mean faces alone."""
    random, terms = np.random.default_rng(0), half.terms()
    found: PoolScores = {}
    for name, groups in half.pools().items():
        found[name] = Distribution()
        for rows in groups:
            chosen = random.choice(rows, MOST_PHOTOS, replace=False) if len(rows) > MOST_PHOTOS else rows
            if name == "LFW":
                chosen = one_each(half.faces, rows, random)  # all people: a person with 530 photos decides nothing
            scores = pair_scores(half.vectors[chosen] @ half.vectors[chosen].T, terms[chosen], half.rule)
            person = half.faces.person[chosen]
            found[name].add(scores[np.triu(person[:, None] != person[None], 1)])
    return found


def mated_alone(half: Half, pool: str) -> Float64:
    """The scores of pairs of one person, by the mean faces alone; at most MOST_MATED of each."""
    (rows,) = half.pools()[pool]
    terms, random = half.terms(), np.random.default_rng(0)
    first, second = mated_pairs(half.faces, rows, random)
    cosines = np.einsum("ij,ij->i", half.vectors[first], half.vectors[second])
    return np.asarray(cosines - half.rule.weight * (terms[first] + terms[second]), np.float64)


def mated_pairs(faces: Faces, rows: Rows, random: np.random.Generator) -> tuple[Rows, Rows]:
    """Pairs of photos of one person."""
    pairs = []
    for person in np.unique(faces.person[rows]):
        own = rows[faces.person[rows] == person]
        first, second = np.triu_indices(len(own), 1)
        kept = random.permutation(len(first))[:MOST_MATED]
        pairs.append(np.column_stack([own[first[kept]], own[second[kept]]]))
    joined = np.concatenate(pairs)
    return joined[:, 0], joined[:, 1]


@dataclass(frozen=True, eq=False)
class AtSize:
    """Scores with galleries of one size: of single comparisons, of the best candidate of strangers, and of the own one.

    missed: the best scores of people who are enrolled, by pool; -1 where another one is the best candidate.
    """

    comparisons: PoolScores
    searches: PoolScores
    mated: dict[str, list[Float64]]


def in_galleries(half: Half, size: int, *, names: Sequence[str], seed: int = 7) -> AtSize:
    """The scores of galleries of `size` people of one pool; pools with too few people are left out."""
    random, found = np.random.default_rng(seed), AtSize({}, {}, defaultdict(list))
    for name, groups in half.pools().items():
        people = [one_each(half.faces, rows, random) for rows in groups]
        if name not in names or max(len(rows) for rows in people) < size + LEAST_PROBES:
            continue
        found.comparisons[name], found.searches[name] = Distribution(), Distribution()
        for rows, own in zip(groups, people, strict=True):
            if len(own) >= size + LEAST_PROBES:
                _add_galleries(found, half, name, rows, own, size, random)
    return found


def _add_galleries(
    found: AtSize, half: Half, name: str, rows: Rows, people: Rows, size: int, random: np.random.Generator
) -> None:
    probes = min(len(people) - size, MOST_PROBES)
    rounds = int(np.clip(SCORES_A_POOL // (size * probes), 3, MOST_GALLERIES))
    pairs = len(people) * (len(people) - 1) / 2
    different = min(len(people) * max(1.0, len(people) / size), probes * rounds)
    for _ in range(rounds):
        mixed = one_each(half.faces, rows, random)
        gallery, strangers = mixed[:size], mixed[size : size + probes]
        scores = GalleryScores.of(half.vectors[strangers], half.vectors[gallery], half.rule).scores
        found.comparisons[name].add(scores, independent=min(pairs, size * probes * rounds) / rounds)
        found.searches[name].add(scores.max(axis=1), independent=different / rounds)
        found.mated[name].append(_mated_searches(half, rows, gallery, random))


def _mated_searches(half: Half, rows: Rows, gallery: Rows, random: np.random.Generator) -> Float64:
    """The scores of other photos of the people enrolled."""
    place = {int(half.faces.person[row]): at for at, row in enumerate(gallery)}
    enrolled = set(gallery.tolist())
    others = [row for row in rows.tolist() if row not in enrolled and int(half.faces.person[row]) in place]
    chosen = np.array(others, np.intp)
    if len(chosen) > MOST_PROBES:
        chosen = random.choice(chosen, MOST_PROBES, replace=False)
    if not len(chosen):
        return np.empty(0)
    scores = GalleryScores.of(half.vectors[chosen], half.vectors[gallery], half.rule).scores
    own = np.array([place[int(half.faces.person[row])] for row in chosen])
    return np.where(scores.argmax(axis=1) == own, scores.max(axis=1), -1.0)
