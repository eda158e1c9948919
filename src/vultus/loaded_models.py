"""A cache of loaded networks within a budget of memory."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_log = logging.getLogger("vultus.model_registry")  # the name that operators filter these lines by


class LoadedModels(Generic[T]):
    """A cache of loaded models by name, the least recently used ones dropped first. Safe in several threads.

    Dropping a model drops the cache's reference: a caller that still uses it keeps it alive until then. So memory may
    for a while be above the budget by the models in use.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, name: str, load: Callable[[], tuple[T, int]]) -> T:
        """The model of this name. load: returns the model and its bytes; called once, while other callers for the same
        model wait and callers for another model do not."""
        kept = self._find(name)
        if kept is not None:
            return kept
        with self._lock:
            loading = self._loading[name]
        with loading:
            kept = self._find(name)  # another thread may have loaded it while this one waited
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
        dropped: list[tuple[str, T]] = []
        with self._lock:
            while self._kept and self._used() + size > self._budget:
                oldest, (released, _) = self._kept.popitem(last=False)
                dropped.append((oldest, released))
            self._kept[name] = model, size
        # Freeing hundreds of megabytes takes a while: `dropped` holds the references until the lock is released.
        for oldest, _ in dropped:
            _log.info("%s is unloaded to make room for %s", oldest, name)
        if size > self._budget:
            _log.warning("%s takes about %d bytes, more than the budget of %d for models", name, size, self._budget)

    def _used(self) -> int:
        return sum(size for _, size in self._kept.values())
