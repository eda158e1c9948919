"""The preparation of searches: collections are in memory before anybody searches them."""

from __future__ import annotations

from tests.conftest import Small
from tests.pictures import drawn_photo
from tests.waiting import patient
from vultus.service.preparation import SearchPreparation


def prepared(small: Small, memory_bytes: int) -> None:
    preparation = SearchPreparation(small.service.context, memory_bytes)
    preparation.start()
    preparation.wait(patient())


def test_collections_are_loaded_before_the_first_search(small: Small) -> None:
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    index = small.service.context.index
    assert index.held_size("default") is None
    prepared(small, 2**20)
    assert index.held_size("default") == (1, 1)


def test_collections_that_do_not_fit_are_left_for_their_first_search(small: Small) -> None:
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    prepared(small, 1)
    assert small.service.context.index.held_size("default") is None


def test_a_closed_preparation_loads_nothing_more(small: Small) -> None:
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    preparation = SearchPreparation(small.service.context, 2**20)
    preparation._closed.set()
    preparation.start()
    preparation.close()
    assert small.service.context.index.held_size("default") is None
