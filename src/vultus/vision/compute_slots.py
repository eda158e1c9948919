"""Compute slots: bounds how many requests compute at once and how many wait, and lends free slots to a single request.

Networks run in the thread that calls them, so a slot is a core. A request alone spreads its work over the free slots;
when every slot is taken each request keeps to its own, which costs the least processor time in all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from typing import Any, Generic, Protocol, TypeVar

import cv2

from vultus.caller import leave_if_unwanted
from vultus.errors import QueueFull, QueueTimeout
from vultus.metrics.stopwatch import stage
from vultus.records.samples import SlotLoad

T = TypeVar("T")
R = TypeVar("R")
BACKGROUND_WAIT_SECONDS = 0.02


class TaskRunner(Protocol):
    """Runs several tasks and returns their results in order; raises the error of the first task that failed."""

    def __call__(self, tasks: Sequence[Callable[[], T]], /) -> list[T]: ...


def run_in_order(tasks: Sequence[Callable[[], T]], /) -> list[T]:
    """A TaskRunner that runs one task after the other, in this thread."""
    return [task() for task in tasks]


class Helpers(Protocol):
    """Lends the cores that are free to a request that holds one: `ComputeSlots`, or `NO_HELPERS`."""

    def run_all(self, tasks: Sequence[Callable[[], T]], /) -> list[T]:
        """As TaskRunner."""

    def hold_spare(self, count: int) -> AbstractContextManager[bool]:
        """Hold `count` more cores if so many are free at this moment, else none; whether they were."""


class _NoHelpers:
    """For work outside of a request: all in one thread."""

    run_all = staticmethod(run_in_order)

    def hold_spare(self, count: int) -> AbstractContextManager[bool]:
        return nullcontext(count == 0)


NO_HELPERS: Helpers = _NoHelpers()


class Beside(Generic[R]):
    """Helpers that do one more task beside those they are given, in the time in which a core would wait for them.

    With two cores a request that waits for the longer of two networks does it meanwhile.
    """

    def __init__(self, helpers: Helpers, task: Callable[[], R]) -> None:
        self._helpers, self._task = helpers, task
        self._results: list[R] = []

    def run_all(self, tasks: Sequence[Callable[[], T]], /) -> list[T]:
        """As TaskRunner."""
        with_ours: list[Callable[[], Any]] = [*tasks, self._note]
        return self._helpers.run_all(with_ours)[: len(tasks)]

    def hold_spare(self, count: int) -> AbstractContextManager[bool]:
        """As Helpers."""
        return self._helpers.hold_spare(count)

    def result(self) -> R:
        """What the task gave, done now if there was nothing to do it beside. Raises its error."""
        if not self._results:
            self._note()
        return self._results[0]

    def _note(self) -> None:
        self._results.append(self._task())


def compute_in_calling_thread() -> None:
    """Make OpenCV compute in the thread that calls it, for the whole process: the slots share the cores out."""
    cv2.setNumThreads(1)


class ComputeSlots:
    """A bounded number of slots with a bounded queue. Used by many threads at once."""

    def __init__(self, count: int, *, queue: int, wait_seconds: float) -> None:
        """queue: how many requests may wait; wait_seconds: for how long at most."""
        self.count = count
        self._free = threading.BoundedSemaphore(count)
        self._held_since: dict[object, float] = {}  # of each slot that is taken, monotonic seconds
        self._queue, self._wait_seconds = queue, wait_seconds
        self._waiting = 0
        self._lock = threading.Lock()  # guards _waiting and _held_since
        self.background = max(1, count // 2)  # slots that work in the background may hold at once
        self._background = threading.BoundedSemaphore(self.background)
        self._helpers = ThreadPoolExecutor(count, thread_name_prefix="vultus-compute")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold one slot. Raises QueueFull at once, QueueTimeout after the longest wait, CallerGone after that wait."""
        if not self._free.acquire(blocking=False):
            with stage("wait"):
                self._wait()
        slot = self._taken()
        try:
            leave_if_unwanted()
            yield
        finally:
            self._release(slot)

    def load(self) -> SlotLoad:
        """How busy they are at this moment."""
        with self._lock:
            return SlotLoad(self.count, len(self._held_since), self._waiting, self._queue)

    def stuck_seconds(self) -> float:
        """For how long all slots have been taken without one coming free; 0 when one is free."""
        with self._lock:
            if len(self._held_since) < self.count:
                return 0.0
            return time.monotonic() - max(self._held_since.values())

    @contextmanager
    def hold_in_background(self, check: Callable[[], None]) -> Iterator[None]:
        """Hold one of the slots for work in the background, when one is free and no request waits for it.

        check: called while it waits; an exception from it ends the wait.
        """
        while not self._background.acquire(timeout=BACKGROUND_WAIT_SECONDS):
            check()
        try:
            while (slot := self._take_free()) is None:
                check()
                time.sleep(BACKGROUND_WAIT_SECONDS)
            try:
                yield
            finally:
                self._release(slot)
        finally:
            self._background.release()

    @contextmanager
    def hold_spare(self, count: int) -> Iterator[bool]:
        """Hold `count` more slots if so many are free at this moment, else none; yields whether they were."""
        held: list[object] = []
        while len(held) < count and (slot := self._take_free()) is not None:
            held.append(slot)
        granted = len(held) == count
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
        slot = self._take_free()
        if slot is None:
            return None

        def run() -> T:
            try:
                return task()
            finally:
                self._release(slot)

        try:
            return self._helpers.submit(copy_context().run, run)
        except RuntimeError:  # the pool takes no more tasks: the process is ending
            self._release(slot)
            return None

    def _take_free(self) -> object | None:
        """A slot if one is free and no request waits for it, else None: waiting requests go first."""
        return self._taken() if self._waiting == 0 and self._free.acquire(blocking=False) else None

    def _taken(self) -> object:
        slot = object()
        with self._lock:
            self._held_since[slot] = time.monotonic()
        return slot

    def _release(self, slot: object) -> None:
        with self._lock:
            del self._held_since[slot]
        self._free.release()

    def _give_back(self, held: Sequence[object]) -> None:
        for slot in held:
            self._release(slot)

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
