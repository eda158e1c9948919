"""Compute slots: bounds how many requests compute at once and how many wait, and lends free slots to a single request.

Networks run in the thread that calls them, so a slot is a core. A request alone spreads its work over the free slots;
when every slot is taken each request keeps to its own, which costs the least processor time in all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Protocol, TypeVar

import cv2

from vultus.errors import QueueFull, QueueTimeout

T = TypeVar("T")
BACKGROUND_WAIT_SECONDS = 0.02


class TaskRunner(Protocol):
    """Runs several tasks and returns their results in order; raises the error of the first task that failed."""

    def __call__(self, tasks: Sequence[Callable[[], T]], /) -> list[T]: ...


def run_in_order(tasks: Sequence[Callable[[], T]], /) -> list[T]:
    """A TaskRunner that runs one task after the other, in this thread."""
    return [task() for task in tasks]


def compute_in_calling_thread() -> None:
    """Make OpenCV compute in the thread that calls it, for the whole process: the slots share the cores out."""
    cv2.setNumThreads(1)


class ComputeSlots:
    """A bounded number of slots with a bounded queue. Used by many threads at once."""

    def __init__(self, count: int, *, queue: int, wait_seconds: float) -> None:
        """queue: how many requests may wait; wait_seconds: for how long at most."""
        self.count = count
        self._free = threading.BoundedSemaphore(count)
        self._queue, self._wait_seconds = queue, wait_seconds
        self._waiting = 0
        self._lock = threading.Lock()  # guards _waiting
        self.background = max(1, count // 2)  # slots that work in the background may hold at once
        self._background = threading.BoundedSemaphore(self.background)
        self._helpers = ThreadPoolExecutor(count, thread_name_prefix="vultus-compute")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold one slot. Raises QueueFull at once, QueueTimeout after the longest wait."""
        if not self._free.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._free.release()

    @contextmanager
    def hold_in_background(self, check: Callable[[], None]) -> Iterator[None]:
        """Hold one of the slots for work in the background, when one is free and no request waits for it.

        check: called while it waits; an exception from it ends the wait.
        """
        while not self._background.acquire(timeout=BACKGROUND_WAIT_SECONDS):
            check()
        try:
            while not self._take_free():
                check()
                time.sleep(BACKGROUND_WAIT_SECONDS)
            try:
                yield
            finally:
                self._free.release()
        finally:
            self._background.release()

    @contextmanager
    def hold_spare(self, count: int) -> Iterator[bool]:
        """Hold `count` more slots if so many are free at this moment, else none; yields whether they were."""
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

    def run_all(self, tasks: Sequence[Callable[[], T]], /) -> list[T]:
        """A TaskRunner for a caller that holds a slot: in parallel as far as slots are free now, else in this thread.

        Raises the error of the first task that failed, after all have ended.
        """
        # The first task stays in this thread. The others are started before any runs here, so that all overlap.
        started = [None, *(self._start(task) for task in tasks[1:])]
        futures = [future or _run_now(task) for task, future in zip(tasks, started, strict=False)]
        wait(futures)
        return [future.result() for future in futures]

    def _start(self, task: Callable[[], T]) -> Future[T] | None:
        """The task, started on a free slot; None when no slot is free."""
        if not self._take_free():
            return None

        def run() -> T:
            try:
                return task()
            finally:
                self._free.release()

        try:
            return self._helpers.submit(run)
        except RuntimeError:  # the pool takes no more tasks: the process is ending
            self._free.release()
            return None

    def _take_free(self) -> bool:
        """Take a slot if one is free and no request waits for it: waiting requests go first."""
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


def _run_now(task: Callable[[], T]) -> Future[T]:
    """The finished future of a task that runs in this thread."""
    future: Future[T] = Future()
    try:
        future.set_result(task())
    except Exception as exc:  # of any kind: raised by `run_all`, when the other tasks have ended
        future.set_exception(exc)
    return future
