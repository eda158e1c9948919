"""The reliability of a decision, by the quality of a photo and by the embedding."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.matching.reliability import ReliabilityModel

AXES = np.eye(4, dtype=np.float32)
MODEL = ReliabilityModel(
    constant=-1.0,
    linear={"whole": -4.0, "damaged": 8.0, "noise": -2.0},
    squared={"noise": -1.0},
    product=0.0,
    centroids=AXES,
    damaged=np.array([False, False, True, True]),
)


def test_an_embedding_near_the_mean_of_damaged_faces_is_less_reliable():
    near_whole, near_damaged = np.array([1, 0.2, 0, 0]), np.array([0, 0, 1, 0.2])
    high, low = (
        MODEL.reliability((vector / np.linalg.norm(vector)).astype(np.float32), {"noise": 100})
        for vector in (near_whole, near_damaged)
    )
    assert high > 95
    assert low < 5


def test_what_the_embeddings_tell():
    told = MODEL.told(np.array([[0.6, 0.2, 0.5, 0.1]], np.float32))
    assert told[0] == pytest.approx([0.4, 0.5, 0.1])


def test_a_part_that_is_not_known_counts_half():
    vector = np.array([0.5, 0.5, 0.5, 0.5], np.float32)
    assert MODEL.reliability(vector, {}) == MODEL.reliability(vector, {"noise": 50})
    assert MODEL.reliability(vector, {"noise": 0}) < MODEL.reliability(vector, {"noise": 100})
