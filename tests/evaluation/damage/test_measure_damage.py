from __future__ import annotations

import numpy as np

from tests.evaluation.synthetic import synthetic_people
from vultus.evaluation.damage.measure_damage import choose_photos, measure_damage


def test_two_photos_each_of_people_spread_over_the_list():
    subjects = [person for person in "abcdefghij" for _ in range(3)] + ["alone"]
    assert choose_photos(subjects, most=6) == [0, 1, 12, 13, 27, 28]
    assert len(choose_photos(subjects)) == 20


def test_photos_without_an_answer_are_counted_and_left_out():
    vectors, people = synthetic_people(5, 2)
    vectors[3] = np.nan
    unanswered, (line,) = measure_damage(vectors, people, {0.01: 0.999})
    assert (unanswered.errors, unanswered.trials) == (1, 10)
    assert (line.fnmr.trials, line.fnmr.value) == (4, 1.0)


def test_nothing_answered_has_no_rate():
    vectors, people = synthetic_people(3, 2)
    vectors[:] = np.nan
    unanswered, rates = measure_damage(vectors, people, {0.01: 0.5})
    assert (unanswered.value, rates) == (1.0, ())
