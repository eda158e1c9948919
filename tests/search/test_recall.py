"""Recall: the probes that measure it, and how it is counted."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.search.recall import Recall, share_found, synthetic_probes


def faces(count: int = 2_000, dimension: int = 128) -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_mated_probes_resemble_a_face_that_is_held():
    best = (synthetic_probes(faces(), 200, 1).mated @ faces().T).max(axis=1)
    assert 0.45 < best.min() < best.max() < 0.85


def test_non_mated_probes_resemble_no_enrolled_face():
    best = (synthetic_probes(faces(), 200, 1).non_mated @ faces().T).max(axis=1)
    assert best.max() < 0.5


def test_probes_are_of_unit_length_and_the_same_again():
    first, second = synthetic_probes(faces(), 20, 1), synthetic_probes(faces(), 20, 1)
    assert np.allclose(np.linalg.norm([*first.mated, *first.non_mated], axis=1), 1, atol=1e-6)
    assert np.array_equal(first.mated, second.mated)
    assert not np.array_equal(first.mated, synthetic_probes(faces(), 20, 2).mated)


@pytest.mark.parametrize(
    ("found", "best", "share"),
    [
        ([0.9, 0.5], [0.9, 0.6], 0.5),
        ([0.9, 0.5], [0.9 + 5e-7, 0.5], 1.0),  # a tie
        ([0.9, np.nan], [0.9, 0.6], 1.0),  # not known: a face was erased meanwhile
        ([np.nan], [0.6], 0.0),
        ([0.9, 0.7], [0.9, 0.6], 0.5),  # a score that is too high is wrong
    ],
)
def test_the_share_found_is_of_those_known(found, best, share):
    assert share_found(np.array(found), np.array(best)) == share


def test_the_recall_to_state_is_the_lower():
    assert Recall(0.999, 0.98).least == 0.98
