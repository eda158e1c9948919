"""Places to compute in: how many requests compute at once, how many wait, and who uses the places left free.

Networks run in the thread that calls them, so a place is a core. A request alone spreads its work over the free places;
when every place is taken each request keeps to its own, which costs the least processor time in all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Protocol, TypeVar

from vultus.errors import QueueFull, QueueTimeout

T = TypeVar("T")


class Together(Protocol):
    """Does several tasks and answers their results in order; raises what the first failing one raised."""

    def __call__(self, tasks: Sequence[Callable[[], T]], /) -> list[T]: ...


def one_by_one(tasks: Sequence[Callable[[], T]], /) -> list[T]:
    """Together, in this thread."""
    return [task() for task in tasks]


class ComputeSlots:
    """A bounded number of places and a bounded queue before them."""

    def __init__(self, places: int, *, queue: int, wait_seconds: float) -> None:
        self.places = places
        self._free = threading.BoundedSemaphore(places)
        self._queue, self._wait_seconds = queue, wait_seconds
        self._waiting = 0
        self._lock = threading.Lock()
        self._helpers = ThreadPoolExecutor(places, thread_name_prefix="vultus-compute")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one place. Raises QueueFull at once, QueueTimeout after the longest wait."""
        if not self._free.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._free.release()

    @contextmanager
    def spare(self, count: int) -> Iterator[bool]:
        """Hold `count` more places if they are free at this moment; whether they were."""
        held = 0
        while held < count and self._take_free():
            held += 1
        granted = held == count
        if not granted:
            self._give_back(held)
        try:
            yield granted
        finally:
            if granted:
                self._give_back(held)

    def together(self, tasks: Sequence[Callable[[], T]], /) -> list[T]:
        """The tasks of one who holds a place: beside each other as far as places are free now, else in this thread.

        Raises what the first failing task raised, after all have ended.
        """
        sent = [None, *(self._send(task) for task in tasks[1:])]
        begun = [future or _done(task) for task, future in zip(tasks, sent, strict=False)]
        wait(begun)
        return [future.result() for future in begun]

    def _send(self, task: Callable[[], T]) -> Future[T] | None:
        """The task under way on a free place; None when there is none."""
        if not self._take_free():
            return None

        def run() -> T:
            try:
                return task()
            finally:
                self._free.release()

        try:
            return self._helpers.submit(run)
        except RuntimeError:  # the process is ending
            self._free.release()
            return None

    def _take_free(self) -> bool:
        """Take a place if one is free and no request waits for it."""
        return self._waiting == 0 and self._free.acquire(blocking=False)

    def _give_back(self, held: int) -> None:
        for _ in range(held):
            self._free.release()

    def _wait(self) -> None:
        with self._lock:
            if self._waiting >= self._queue:
                raise QueueFull(f"{self._waiting} requests wait already, as many as may; try again in a second")
            self._waiting += 1
        try:
            if not self._free.acquire(timeout=self._wait_seconds):
                raise QueueTimeout(f"no compute slot came free within {self._wait_seconds:g} s; try again later")
        finally:
            with self._lock:
                self._waiting -= 1


def _done(task: Callable[[], T]) -> Future[T]:
    """The task done here and now."""
    future: Future[T] = Future()
    try:
        future.set_result(task())
    except Exception as exc:
        future.set_exception(exc)
    return future
