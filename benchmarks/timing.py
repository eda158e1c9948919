"""Timing: repetitions bounded in count and time, medians and percentiles, and self times of calls."""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from types import TracebackType
from typing import Any

MIN_ROUNDS = 3


@dataclass(frozen=True)
class Bounds:
    """count: most repetitions. seconds: after these no further one begins, but at least MIN_ROUNDS are made."""

    count: int
    seconds: float


def milliseconds(work: Callable[[], object]) -> float:
    """The time of one call."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def processor_milliseconds(work: Callable[[], object]) -> float:
    """The processor time of this thread in one call."""
    start = time.thread_time()
    work()
    return (time.thread_time() - start) * 1000


def repeat(work: Callable[[int], object], bounds: Bounds) -> list[float]:
    """Milliseconds of each call, after one that does not count. work is given the number of the call, from 0."""
    work(0)
    taken: list[float] = []
    end = time.perf_counter() + bounds.seconds
    for number in range(1, bounds.count + 1):
        if len(taken) >= MIN_ROUNDS and time.perf_counter() > end:
            break
        taken.append(milliseconds(lambda: work(number)))  # noqa: B023
    return taken


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a `share` of all values lies, one of them; 0 for no values."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile, minimum and number of values."""
    return {
        "median_ms": statistics.median(values),
        "p95_ms": percentile(values, 0.95),
        "best_ms": min(values),
        "n": len(values),
    }


Target = tuple[Any, str]  # a class or a module, and the name of a function in it


class Stopwatch(AbstractContextManager["Stopwatch"]):
    """Times calls of named functions while it is open; the time of timed calls within a call is subtracted.

    For the thread that made it; calls in others count as their caller's. Functions that do not exist are listed in
    `missing`. The name of a stage may refer to the arguments of the call: "network {0.name}".
    """

    def __init__(self, targets: Mapping[str, Target], *, clock: Callable[[], float] = time.perf_counter) -> None:
        """clock: seconds; time.thread_time for the processor time of this thread."""
        self._clock = clock
        self.missing = [stage for stage, (owner, name) in targets.items() if not hasattr(owner, name)]
        self._targets = {stage: target for stage, target in targets.items() if stage not in self.missing}
        self._originals: list[tuple[Any, str, Any]] = []
        self._inner: list[float] = []
        self._thread = threading.get_ident()
        self._lap: dict[str, float] = defaultdict(float)

    def __enter__(self) -> Stopwatch:
        for stage, (owner, name) in self._targets.items():
            original = getattr(owner, name)
            self._originals.append((owner, name, original))
            setattr(owner, name, self._timed(stage, original))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for owner, name, original in self._originals:
            setattr(owner, name, original)

    def lap(self) -> dict[str, float]:
        """Milliseconds by stage since the last lap."""
        taken, self._lap = dict(self._lap), defaultdict(float)
        return taken

    def _timed(self, stage: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._thread:
                return original(*args, **kwargs)
            self._inner.append(0.0)
            start = self._clock()
            try:
                return original(*args, **kwargs)
            finally:
                whole = (self._clock() - start) * 1000
                self._lap[stage.format(*args)] += whole - self._inner.pop()
                if self._inner:
                    self._inner[-1] += whole

        return timed


def medians(laps: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The median of each stage over laps; a stage that a lap lacks counts as 0."""
    laps = list(laps)
    stages = dict.fromkeys(stage for lap in laps for stage in lap)
    return {stage: statistics.median(lap.get(stage, 0.0) for lap in laps) for stage in stages}
