"""Work on many photos in threads, a few handed out ahead."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

AHEAD = 2  # photos handed out per thread: no thread waits for the next one, and Ctrl-C stops soon
A = TypeVar("A")
B = TypeVar("B")


def in_threads(work: Callable[[A], B], items: Sequence[A], threads: int) -> Generator[B, None, None]:
    """The results of `work` as they come, few items under way at a time; an exception is raised after those."""
    waiting: set[Future[B]] = set()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.add(pool.submit(work, item))
            if len(waiting) >= AHEAD * threads:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
