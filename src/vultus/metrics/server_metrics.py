"""The metrics of one server process: its counts, and the page that answers for all processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Metric

from vultus.metrics.exposition import exposition, of_sample, of_workers
from vultus.metrics.instruments import Instruments
from vultus.metrics.shared_counts import SharedCounts, together
from vultus.records.samples import Sample, Work, Workers


class ServerMetrics:
    """Counts in a registry of its own, or in a folder that several workers share."""

    def __init__(self, shared: SharedCounts | None = None) -> None:
        """shared: None: this process serves alone."""
        self._registry = CollectorRegistry()
        self._shared = shared
        if shared is not None:
            shared.reserve(os.getpid())
        self.counts = Instruments(self._registry)
        self._cpu_seconds, self._work = 0.0, Work()

    @property
    def is_shared(self) -> bool:
        """Whether other processes serve beside this one."""
        return self._shared is not None

    def publish(self, work: Work) -> None:
        """What this process does now."""
        cpu = time.process_time()
        self.counts.count_cpu(cpu - self._cpu_seconds)
        self.counts.count_lost_lines(work.audit_lost - self._work.audit_lost)
        self._cpu_seconds, self._work = cpu, work
        if self._shared is not None:
            self._shared.publish(os.getpid(), work)

    def workers(self) -> Workers:
        """What all processes do together, by what they published last."""
        if self._shared is not None:
            return self._shared.workers()
        return Workers(1, int(self._work.ready), 0, together([self._work]))

    def page(self, accept: str, sample: Sample | None, version: str, now: datetime) -> tuple[bytes, str]:
        """The page for Prometheus and its content type. sample: None while the system is not open."""

        def stored() -> Iterable[Metric]:
            return () if sample is None else of_sample(sample, version, now)

        def processes() -> Iterator[Metric]:
            return of_workers(self.workers())

        counts = self._registry if self._shared is None else self._shared.collector()
        return exposition(accept, counts, processes, stored)
