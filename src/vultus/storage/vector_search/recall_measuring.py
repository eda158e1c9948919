"""Measures how much of the exact search the HNSW index of a collection finds, and the time of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vultus.records.answers import Candidate
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule
from vultus.search.recall import Recall, share_found, synthetic_probes

PROBES = 256  # of each kind
SEED = 3


class EitherWay(Protocol):
    """Searches by the index, or without it: see `DatabaseIndex`."""

    def search_either_way(
        self, collection: str, probes: Float32, k: int, rule: CohortRule | None, *, exact: bool
    ) -> list[list[Candidate]]: ...

    def sample(self, collection: str) -> Float32: ...


@dataclass(frozen=True)
class Measurement:
    """recall: of the most similar subject. at_k: the share of the k best subjects that was found. probes: of each kind.

    exact_seconds, index_seconds: of half the searches or less, each by itself.
    """

    recall: Recall
    k: int
    at_k: float
    probes: int
    exact_seconds: float
    index_seconds: float


@dataclass
class _Run:
    """The lines of each probe, and how long each search took."""

    lines: list[list[Candidate]]
    seconds: list[float]

    @property
    def scores(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([one[0].score if one else np.nan for one in self.lines], np.float64)


def measure(
    index: EitherWay,
    collection: str,
    rule: CohortRule | None,
    *,
    probes: int = PROBES,
    k: int = 10,
    check: Callable[[], None] = lambda: None,
) -> Measurement:
    """Compare both ways by probes made of the enrolled faces. check: called before each, to end by what it raises.

    Raises: CollectionNotFound, StorageFailed.
    """
    made = synthetic_probes(index.sample(collection), probes, SEED)
    kinds = []
    for some in (made.mated, made.non_mated):
        by_index, exact = (_run(index, collection, some, k, rule, way, check) for way in (False, True))
        kinds.append((by_index, exact))
    (mated, mated_exact), (others, others_exact) = kinds
    return Measurement(
        Recall(share_found(mated.scores, mated_exact.scores), share_found(others.scores, others_exact.scores)),
        k,
        float(np.mean([_share(a, b) for one, other in kinds for a, b in zip(one.lines, other.lines, strict=True)])),
        probes,
        float(np.median(mated_exact.seconds + others_exact.seconds)),
        float(np.median(mated.seconds + others.seconds)),
    )


def _run(
    index: EitherWay,
    collection: str,
    probes: Float32,
    k: int,
    rule: CohortRule | None,
    exact: bool,
    check: Callable[[], None],
) -> _Run:
    run = _Run([], [])
    for probe in probes:
        check()
        start = time.perf_counter()
        run.lines += index.search_either_way(collection, probe[None], k, rule, exact=exact)
        run.seconds.append(time.perf_counter() - start)
    return run


def _share(found: Sequence[Candidate], best: Sequence[Candidate]) -> float:
    """Of the best subjects, those that were found; 1 where there is none."""
    wanted = {line.subject for line in best}
    return len(wanted & {line.subject for line in found}) / len(wanted) if wanted else 1.0
