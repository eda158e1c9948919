import threading

import pytest

from vultus.errors import QueueFull, QueueTimeout
from vultus.vision.pipeline import Slots


def test_as_many_as_there_are_places_work_at_once():
    slots = Slots(2, queue=0, wait_seconds=1)
    with slots.place(), slots.place(), pytest.raises(QueueFull, match="0 requests wait"), slots.place():
        pass


def test_a_place_is_free_again_after_an_error():
    slots = Slots(1, queue=0, wait_seconds=1)
    with pytest.raises(ValueError, match="boom"), slots.place():
        raise ValueError("boom")
    with slots.place():
        pass


def test_who_waits_too_long_is_told():
    slots = Slots(1, queue=1, wait_seconds=0.01)
    with slots.place(), pytest.raises(QueueTimeout, match=r"0\.01 s") as refusal, slots.place():
        pass
    assert refusal.value.retry_after_seconds > 0


def test_who_waits_gets_the_place_when_it_comes_free():
    slots = Slots(1, queue=1, wait_seconds=10)
    done = threading.Event()

    def wait() -> None:
        with slots.place():
            done.set()

    with slots.place():
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not done.is_set()
    waiter.join(timeout=10)
    assert done.is_set()
