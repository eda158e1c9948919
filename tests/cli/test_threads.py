from __future__ import annotations

from threading import Event

import pytest

from tests.waiting import patient
from vultus.cli.threads import in_threads


def test_no_more_than_a_few_items_are_handed_out_ahead():
    handed_out = []

    def items():
        for number in range(100):
            handed_out.append(number)
            yield number

    results = in_threads(lambda number: number, items(), threads=2)
    next(results)
    assert len(handed_out) <= 4  # two threads, two each
    results.close()
    assert len(handed_out) <= 4


def test_an_exception_waits_for_the_work_under_way():
    begun, finished = Event(), Event()

    def work(number: int) -> None:
        if number == 0:
            begun.wait(patient())
            raise ValueError("zero")
        begun.set()
        finished.set()

    with pytest.raises(ValueError, match="zero"):
        list(in_threads(work, [0, 1], threads=2))
    assert finished.is_set()
