from __future__ import annotations

import threading

from tests.waiting import wait_until
from vultus.errors import StorageFailed
from vultus.jobs.sweeper import AGAIN_SECONDS, Sweep, Sweeper


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_sweep_runs_at_the_start_and_every_so_often():
    clock, ran = Clock(), []
    sweeps = [Sweep("a", 1, lambda: ran.append("a") or False), Sweep("b", 10, lambda: ran.append("b") or False)]
    sweeper = Sweeper(sweeps, clock=clock)
    assert sweeper.run_due() == 1
    clock.now += 1
    assert sweeper.run_due() == 1
    clock.now += 9
    sweeper.run_due()
    assert ran == ["a", "b", "a", "a", "b"]


def test_a_sweep_that_has_more_to_do_goes_on_at_once_and_keeps_no_other_waiting():
    left, ran = [3], []

    def large() -> bool:
        left[0] -= 1
        ran.append("large")
        return left[0] > 0

    sweeps = [Sweep("large", 60, large), Sweep("small", 0, lambda: ran.append("small") or False)]
    sweeper = Sweeper(sweeps, clock=Clock())
    assert [sweeper.run_due() for _ in range(3)] == [0, 0, 0]
    assert ran == ["large", "small"] * 3


def test_a_sweep_that_fails_is_tried_again_later_and_the_others_run(caplog):
    clock, ran = Clock(), []

    def refused() -> bool:
        ran.append("refused")
        raise StorageFailed("the disk is full")

    def broken() -> bool:
        raise KeyError("a name")

    sweeps = [Sweep("x", 1, refused), Sweep("y", 1, broken), Sweep("z", 1, lambda: ran.append("z") or False)]
    sweeper = Sweeper(sweeps, clock=clock)
    assert sweeper.run_due() == 1
    clock.now += AGAIN_SECONDS
    sweeper.run_due()
    assert ran == ["refused", "z", "refused", "z"]
    assert "the sweep of x is tried again in 60 s: the disk is full" in caplog.text


def test_it_sweeps_in_the_background_until_it_is_closed():
    swept = threading.Event()
    sweeper = Sweeper([Sweep("a", 0.01, lambda: swept.set() or False)])
    sweeper.start()
    wait_until(swept.is_set, "a sweep")
    sweeper.close()
    swept.clear()
    assert not swept.wait(0.1)
