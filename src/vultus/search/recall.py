"""Recall: how often a search that leaves faces out finds the most similar one; and synthetic probes to measure it.

The probes are made of the enrolled faces, as no others may be kept. Mated ones: an enrolled face plus noise, half of it
distributed as faces differ, half uniform, so that their cosine is 0.6 to 0.8. Non-mated ones: mixtures of many faces,
which lie where faces do and resemble no one person; they are the harder ones, as their best face stands out the least.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32
from vultus.vectors import unit_length

NOISE = (0.75, 1.33)  # length of the noise that is added to a face of length 1: a cosine of 0.8 to 0.6
SAME = 1e-6  # scores that differ by less are equal


@dataclass(frozen=True)
class Recall:
    """The share of probes whose most similar subject was found, 0..1: of mated and of non-mated probes."""

    mated: float
    non_mated: float

    @property
    def least(self) -> float:
        """The lower of the two."""
        return min(self.mated, self.non_mated)


@dataclass(frozen=True)
class SearchState:
    """How a collection is searched now.

    kind: "exact": every face is compared; "pq": of `faces` faces only the `candidates` that an index chooses, with the
    recall that was measured, and all faces outside the index; "hnsw": of all faces those that an index in the database
    chooses. building: an index is being built in the background. terms_behind: how many faces came and went since what
    scores are relative to was computed for the others; 0 in memory, where it follows at once.
    """

    kind: Literal["exact", "pq", "hnsw"] = "exact"
    recall: Recall = Recall(1.0, 1.0)
    faces: int = 0
    candidates: int = 0
    building: bool = False
    terms_behind: int = 0


@dataclass(frozen=True, eq=False)
class Probes:
    """mated and non_mated: (Q, D) float32 of unit length."""

    mated: Float32
    non_mated: Float32


def synthetic_probes(rows: Float32, count: int, seed: int) -> Probes:
    """`count` probes of each kind from (N, D) float32 rows that are enrolled; the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    enrolled = unit_length(rows[rng.integers(0, len(rows), count)].astype(np.float64))
    noise = unit_length(_mixtures(rows, count, rng) + unit_length(rng.standard_normal(enrolled.shape)))
    mated = enrolled + rng.uniform(*NOISE, (count, 1)) * noise
    return Probes(unit_length(mated).astype(np.float32), _mixtures(rows, count, rng).astype(np.float32))


def share_found(found: NDArray[np.float64], best: NDArray[np.float64]) -> float:
    """The share of probes whose score found is the best one's, both (Q,), NaN: unknown; 0 if all are unknown.

    A score that is too high is wrong as well: the cohort of the probe was not found.
    """
    known = ~(np.isnan(found) | np.isnan(best))
    return float(np.mean(np.abs(found[known] - best[known]) <= SAME)) if known.any() else 0.0


def _mixtures(rows: Float32, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return unit_length((rng.standard_normal((count, len(rows)), np.float32) @ rows).astype(np.float64))
