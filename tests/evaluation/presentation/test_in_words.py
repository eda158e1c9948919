from __future__ import annotations

import pytest

from tests.evaluation.presentation.test_report import evaluation
from vultus.evaluation.presentation.in_words import one_in, three_sentences


@pytest.mark.parametrize(("rate", "said"), [(0.0, "none"), (1e-4, "1 in 10,000"), (0.5, "50 of 100")])
def test_rates_are_said_as_people_say_them(rate, said):
    assert one_in(rate) == said


def test_three_sentences_on_strangers_the_same_person_and_the_limits():
    strangers, missed, limits = three_sentences(evaluation())
    assert strangers.startswith("Strangers: where the service is asked to take no more than 1 in 100 of them")
    assert "of 19,800 comparisons of two different people" in strangers
    assert "of 100 comparisons" in missed
    assert "1 of 200 photos could not be used" in limits
    assert "nothing rarer than 1 in 6,600" in limits


def test_too_few_photos_say_so():
    strangers, missed, limits = three_sentences(evaluation(people=2))
    assert strangers == "Strangers: 4 comparisons of different people are too few to tell an error rate."
    assert "2 comparisons tell nothing" in missed
    assert limits.startswith("What this does not tell")
