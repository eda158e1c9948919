"""Compute slots: how many requests compute and wait, and how tasks use the slots left free."""

import subprocess
import sys
import threading
import time

import cv2
import pytest

from tests.waiting import patient, wait_until
from vultus.caller import CallerGone, leave_if_unwanted, waiting
from vultus.errors import QueueFull, QueueTimeout
from vultus.vision.compute_slots import NO_HELPERS, Beside, ComputeSlots, compute_in_calling_thread, run_in_order

SECONDS = patient(10)  # longest wait for something that comes at once


def this_thread() -> str:
    return threading.current_thread().name


def test_as_many_requests_compute_at_once_as_there_are_slots():
    slots = ComputeSlots(2, queue=0, wait_seconds=1)
    with slots.hold(), slots.hold(), pytest.raises(QueueFull, match="0 requests wait"), slots.hold():
        pass


def test_a_slot_is_free_again_after_an_error():
    slots = ComputeSlots(1, queue=0, wait_seconds=1)
    with pytest.raises(ValueError, match="boom"), slots.hold():
        raise ValueError("boom")
    with slots.hold():
        pass


def test_waiting_too_long_is_an_error_that_says_when_to_try_again():
    slots = ComputeSlots(1, queue=1, wait_seconds=0.01)
    with slots.hold(), pytest.raises(QueueTimeout, match=r"0\.01 s") as refusal, slots.hold():
        pass
    assert refusal.value.retry_after_seconds > 0


def test_a_waiting_request_gets_the_slot_when_it_comes_free():
    slots = ComputeSlots(1, queue=1, wait_seconds=SECONDS)
    done = threading.Event()

    def wait() -> None:
        with slots.hold():
            done.set()

    with slots.hold():
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not done.is_set()
    waiter.join(timeout=SECONDS)
    assert done.is_set()


def test_tasks_of_a_request_alone_run_in_parallel():
    slots, meet = ComputeSlots(2, queue=0, wait_seconds=1), threading.Barrier(2, timeout=SECONDS)
    with slots.hold():
        assert len(set(slots.run_all([lambda: (meet.wait(), this_thread())[1]] * 2))) == 2


def test_tasks_stay_in_their_thread_when_every_slot_is_taken():
    slots = ComputeSlots(2, queue=0, wait_seconds=1)
    with slots.hold(), slots.hold():
        assert slots.run_all([this_thread] * 3) == [this_thread()] * 3


def test_no_more_tasks_run_at_once_than_there_are_slots():
    slots, lock, running, most = ComputeSlots(3, queue=0, wait_seconds=1), threading.Lock(), 0, 0

    def task() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    with slots.hold():
        slots.run_all([task] * 12)
    assert 1 < most <= 3


@pytest.mark.parametrize("run_all", [run_in_order, ComputeSlots(4, queue=0, wait_seconds=1).run_all])
def test_results_come_in_the_order_of_the_tasks(run_all):
    assert run_all([lambda i=i: i * i for i in range(9)]) == [i * i for i in range(9)]
    assert run_all([]) == []


def test_the_first_failure_is_raised_after_all_have_ended_and_the_slots_are_free_again():
    slots, ended = ComputeSlots(2, queue=0, wait_seconds=1), []

    def fail(what: str) -> None:
        time.sleep(0.005)
        ended.append(what)
        raise ValueError(what)

    with slots.hold(), pytest.raises(ValueError, match="one"):
        slots.run_all([lambda: fail("one"), lambda: fail("two")])
    assert sorted(ended) == ["one", "two"]
    with slots.hold(), slots.hold():
        pass


def test_spare_slots_are_all_or_none():
    slots = ComputeSlots(3, queue=0, wait_seconds=1)
    with slots.hold(), slots.hold_spare(2) as granted, pytest.raises(QueueFull), slots.hold():
        assert granted
    with slots.hold(), slots.hold():
        with slots.hold_spare(2) as granted:
            assert not granted
        with slots.hold_spare(1) as granted:
            assert granted


def test_what_is_beside_is_done_while_the_caller_would_wait_for_the_longest_task():
    slots, done = ComputeSlots(2, queue=0, wait_seconds=1), threading.Event()
    with slots.hold():
        beside = Beside(slots, lambda: (done.set(), this_thread())[1])
        results = beside.run_all([this_thread, lambda: (done.wait(SECONDS), this_thread())[1]])
    assert done.is_set()
    assert len(set(results)) == 2
    assert beside.result() == this_thread()


def test_what_is_beside_nothing_is_done_at_the_end_and_once():
    calls = []
    beside = Beside(NO_HELPERS, lambda: calls.append(1) or len(calls))
    with beside.hold_spare(1) as free:
        assert not free
    assert (beside.result(), beside.result()) == (1, 1)


def test_an_error_beside_is_raised_like_one_of_the_tasks():
    def fail() -> None:
        raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"):
        Beside(NO_HELPERS, fail).run_all([this_thread])


def test_free_slots_go_to_waiting_requests_first():
    slots = ComputeSlots(2, queue=1, wait_seconds=SECONDS)
    slots._waiting = 1  # a request that has not been woken yet
    with slots.hold(), slots.hold_spare(1) as granted:
        assert not granted
        assert slots.run_all([this_thread, this_thread]) == [this_thread()] * 2


def test_opencv_computes_in_the_calling_thread_once_that_is_asked_for():
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(4)
        compute_in_calling_thread()
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


def test_importing_the_vision_pipeline_leaves_opencv_as_it_was():
    code = "import cv2; n = cv2.getNumThreads(); import vultus.vision.pipeline; assert cv2.getNumThreads() == n"
    program = f"import cv2; cv2.setNumThreads(3); {code}"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# --- work in the background


def nothing() -> None:
    """A check that does not end the wait."""


def test_work_in_the_background_holds_half_of_the_slots():
    slots = ComputeSlots(4, queue=0, wait_seconds=1)

    def give_up() -> None:
        raise TimeoutError

    with slots.hold_in_background(nothing), slots.hold_in_background(nothing):
        with pytest.raises(TimeoutError), slots.hold_in_background(give_up):
            pass
        with slots.hold(), slots.hold():
            pass
    with slots.hold_in_background(give_up):
        pass


def test_work_in_the_background_waits_while_requests_do():
    slots, waited, asked = ComputeSlots(1, queue=1, wait_seconds=SECONDS), [], threading.Event()

    def request() -> None:
        with slots.hold():
            waited.append("request")

    def check() -> None:
        asked.set()

    def background() -> None:
        with slots.hold_in_background(check):
            waited.append("background")

    with slots.hold():
        threads = [threading.Thread(target=work) for work in (request, background)]
        for thread in threads:
            thread.start()
        wait_until(lambda: slots._waiting == 1 and asked.is_set(), "both to wait")
    for thread in threads:
        thread.join(timeout=SECONDS)
    assert waited == ["request", "background"]


def test_slots_are_stuck_from_when_the_last_of_them_was_taken():
    slots = ComputeSlots(2, queue=0, wait_seconds=1)
    with slots.hold():
        assert slots.stuck_seconds() == 0
        with slots.hold():
            wait_until(lambda: slots.stuck_seconds() > 0, "time to pass")
        assert slots.stuck_seconds() == 0


def test_a_caller_who_left_while_waiting_computes_nothing():
    slots = ComputeSlots(1, queue=1, wait_seconds=SECONDS)
    with waiting() as caller:
        caller.leave()
        with pytest.raises(CallerGone), slots.hold():
            pytest.fail("computed for nobody")
    assert slots.stuck_seconds() == 0


def test_tasks_in_helper_threads_know_the_caller():
    slots = ComputeSlots(2, queue=0, wait_seconds=1)
    with waiting() as caller:
        caller.leave()
        with pytest.raises(CallerGone):
            slots.run_all([lambda: None, leave_if_unwanted])
