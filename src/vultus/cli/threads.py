"""Work on many photos in threads, a few handed out ahead."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

AHEAD = 2  # photos handed out per thread: no thread waits for the next one, and Ctrl-C stops soon
A = TypeVar("A")
B = TypeVar("B")


def _nothing() -> None:
    """The default of `ending`."""


def in_threads(
    work: Callable[[A], B], items: Sequence[A], threads: int, *, ending: Callable[[], None] = _nothing
) -> Generator[B, None, None]:
    """The results of `work` as they come, few items under way at a time; an exception is raised after those.

    ending: called at the end, also by Ctrl-C or an exception, before what is under way is waited for.
    """
    waiting: set[Future[B]] = set()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.add(pool.submit(work, item))
            if len(waiting) >= AHEAD * threads:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from _results(done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from _results(done)
    finally:
        ending()
        pool.shutdown(wait=True, cancel_futures=True)


def _results(done: Iterable[Future[B]]) -> Iterator[B]:
    """Those of finished work; then an exception, so that no result of the same moment is lost by it."""
    for future in sorted(done, key=lambda one: one.exception() is not None):
        yield future.result()
