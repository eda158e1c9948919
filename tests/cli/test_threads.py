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


def test_what_is_to_end_is_told_before_it_is_waited_for():
    ended, begun = Event(), Event()

    def work(number: int) -> int:
        begun.set()
        return number if number == 0 or ended.wait(10) else -1

    results = in_threads(work, range(9), 1, ending=ended.set)
    assert next(results) == 0
    begun.wait(10)
    results.close()  # as Ctrl-C does; it waits for the second item, which waits for the end
    assert ended.is_set()
