"""The best value with each subject of a cohort, whatever the order and number of their faces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.search.cohort_columns import CohortColumns


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(0, 10**6))
def test_the_best_value_of_each_subject_is_found(subjects, seed):
    columns, values = CohortColumns(np.array(subjects)), np.random.default_rng(seed).random((3, len(subjects)))
    wanted = [[max(row[np.array(subjects) == subject]) for subject in columns.subjects] for row in values]
    best = columns.best(np.ascontiguousarray(values[:, columns.order], np.float32))
    assert sorted(columns.subjects.tolist()) == sorted(set(subjects))
    assert np.array_equal(best, np.array(wanted, np.float32))


@pytest.mark.parametrize("subjects", [[7, 3, 7, 5, 7, 3], [5]])
def test_a_subject_is_found_by_its_column_or_has_none(subjects):
    columns = CohortColumns(np.array(subjects))
    wanted = np.array([[3, 4], [5, 9]])
    places, found = columns.places_of(wanted)
    assert np.array_equal(found, np.isin(wanted, subjects))
    assert np.array_equal(columns.subjects[places[found]], wanted[found])
