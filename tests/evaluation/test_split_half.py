from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.synthetic import synthetic_people
from vultus.errors import InvalidRequest
from vultus.evaluation.split_half import compare_halves, gallery_sizes, split_identities


def test_no_person_is_in_both_halves():
    subjects = np.repeat(np.arange(7), 3)
    first = split_identities(subjects, seed=1)
    assert len(set(subjects[first])) == 3
    assert not set(subjects[first]) & set(subjects[~first])


def test_galleries_are_the_largest_round_numbers():
    assert gallery_sizes(2873) == (500, 1000, 2000)
    assert gallery_sizes(60) == (10, 20, 50)
    assert gallery_sizes(5) == ()


def test_what_is_asked_is_found_on_people_alike():
    vectors, people = synthetic_people(400, 2, width=16)
    found = compare_halves(vectors, people, fmrs=[0.01], fpirs=[0.3], splits=2)
    assert found.people == (200, 200)
    assert len(found.fmr[0].factors) == len(found.fmr[0].balanced) == 4  # two splits, both ways
    assert np.mean(found.fmr[0].factors) == pytest.approx(1, abs=0.15)
    assert [line.size for line in found.fpir] == [20, 50, 100]
    assert np.mean(found.fpir[0].factors) == pytest.approx(1, abs=0.3)


def test_few_people_are_refused_with_the_number_needed():
    vectors, people = synthetic_people(20, 2)
    with pytest.raises(InvalidRequest, match=r"20 people are too few .* 80 are needed"):
        compare_halves(vectors, people)
