"""Loaded models within a budget of memory: loaded on first use, once; those unused the longest are let go."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Loaded(Generic[T]):
    """What is loaded, by name. Safe to use from several threads.

    Letting go of a model drops this reference to it: whoever works with it keeps it until he is done, and it is freed
    then. So memory may for a while be above the budget by what is in use.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, name: str, load: Callable[[], tuple[T, int]]) -> T:
        """The model of this name. load: makes it, and says its bytes; called by the first who asks, while others who
        ask for the same wait, and those who ask for another do not."""
        kept = self._find(name)
        if kept is not None:
            return kept
        with self._lock:
            loading = self._loading[name]
        with loading:
            kept = self._find(name)
            if kept is not None:
                return kept
            model, size = load()
            self._keep(name, model, size)
            return model

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._kept

    def _find(self, name: str) -> T | None:
        with self._lock:
            if name not in self._kept:
                return None
            self._kept.move_to_end(name)
            return self._kept[name][0]

    def _keep(self, name: str, model: T, size: int) -> None:
        gone: list[tuple[str, T]] = []
        with self._lock:
            while self._kept and self._used() + size > self._budget:
                oldest, (released, _) = self._kept.popitem(last=False)
                gone.append((oldest, released))
            self._kept[name] = model, size
        # Freeing hundreds of megabytes takes a while: the references go when the lock is free again.
        for oldest, _ in gone:
            _log.info("%s is unloaded to make room for %s", oldest, name)
        if size > self._budget:
            _log.warning("%s takes about %d bytes, more than the budget of %d for models", name, size, self._budget)

    def _used(self) -> int:
        return sum(size for _, size in self._kept.values())
