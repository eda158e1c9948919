import threading
import time

import pytest

from vultus.errors import QueueFull, QueueTimeout
from vultus.vision.compute_slots import ComputeSlots, one_by_one

SECONDS = 10  # longest wait for something that comes at once


def who() -> str:
    return threading.current_thread().name


def test_as_many_as_there_are_places_work_at_once():
    slots = ComputeSlots(2, queue=0, wait_seconds=1)
    with slots.place(), slots.place(), pytest.raises(QueueFull, match="0 requests wait"), slots.place():
        pass


def test_a_place_is_free_again_after_an_error():
    slots = ComputeSlots(1, queue=0, wait_seconds=1)
    with pytest.raises(ValueError, match="boom"), slots.place():
        raise ValueError("boom")
    with slots.place():
        pass


def test_who_waits_too_long_is_told():
    slots = ComputeSlots(1, queue=1, wait_seconds=0.01)
    with slots.place(), pytest.raises(QueueTimeout, match=r"0\.01 s") as refusal, slots.place():
        pass
    assert refusal.value.retry_after_seconds > 0


def test_who_waits_gets_the_place_when_it_comes_free():
    slots = ComputeSlots(1, queue=1, wait_seconds=SECONDS)
    done = threading.Event()

    def wait() -> None:
        with slots.place():
            done.set()

    with slots.place():
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not done.is_set()
    waiter.join(timeout=SECONDS)
    assert done.is_set()


def test_tasks_of_one_who_is_alone_run_beside_each_other():
    slots, meet = ComputeSlots(2, queue=0, wait_seconds=1), threading.Barrier(2, timeout=SECONDS)
    with slots.place():
        assert len(set(slots.together([lambda: (meet.wait(), who())[1]] * 2))) == 2


def test_tasks_stay_in_their_thread_when_every_place_is_taken():
    slots = ComputeSlots(2, queue=0, wait_seconds=1)
    with slots.place(), slots.place():
        assert slots.together([who] * 3) == [who()] * 3


def test_no_more_tasks_run_at_once_than_there_are_places():
    slots, lock, running, most = ComputeSlots(3, queue=0, wait_seconds=1), threading.Lock(), 0, 0

    def task() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    with slots.place():
        slots.together([task] * 12)
    assert 1 < most <= 3


@pytest.mark.parametrize("together", [one_by_one, ComputeSlots(4, queue=0, wait_seconds=1).together])
def test_results_come_in_the_order_of_the_tasks(together):
    assert together([lambda i=i: i * i for i in range(9)]) == [i * i for i in range(9)]
    assert together([]) == []


def test_the_first_failure_is_raised_after_all_have_ended_and_the_places_are_free_again():
    slots, ended = ComputeSlots(2, queue=0, wait_seconds=1), []

    def fail(what: str) -> None:
        time.sleep(0.005)
        ended.append(what)
        raise ValueError(what)

    with slots.place(), pytest.raises(ValueError, match="one"):
        slots.together([lambda: fail("one"), lambda: fail("two")])
    assert sorted(ended) == ["one", "two"]
    with slots.place(), slots.place():
        pass


def test_spare_places_are_all_or_none():
    slots = ComputeSlots(3, queue=0, wait_seconds=1)
    with slots.place(), slots.spare(2) as granted, pytest.raises(QueueFull), slots.place():
        assert granted
    with slots.place(), slots.place():
        with slots.spare(2) as granted:
            assert not granted
        with slots.spare(1) as granted:
            assert granted


def test_free_places_go_to_who_waits_first():
    slots = ComputeSlots(2, queue=1, wait_seconds=SECONDS)
    slots._waiting = 1  # somebody who has not been woken yet
    with slots.place(), slots.spare(1) as granted:
        assert not granted
        assert slots.together([who, who]) == [who()] * 2
