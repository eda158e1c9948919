"""What this process of the server does at a moment: its requests and connections, beside the work of its system."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from vultus.api.middleware.body_limit import InFlight
from vultus.api.request_context import System
from vultus.metrics.server_metrics import ServerMetrics
from vultus.records.samples import Work

STATM = Path("/proc/self/statm")
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of getrusage


class Connections(Protocol):
    """The connections of this process."""

    @property
    def open(self) -> int:
        """Those that are open."""

    @property
    def working(self) -> int:
        """Those between a request and its answer."""

    @property
    def limit(self) -> int:
        """The most that may work."""


class ServerWork:
    """Looks at this process and publishes what it does."""

    def __init__(self, metrics: ServerMetrics, connections: Connections | None = None) -> None:
        """connections: None where they are not known, as in a test without a server."""
        self.metrics, self.in_flight = metrics, InFlight()
        self._connections, self._started_at = connections, time.time()

    def publish(self, system: System | None) -> None:
        """What the process does now goes into its metrics. system: None while it is not open."""
        self.metrics.publish(self._now(system))

    def _now(self, system: System | None) -> Work:
        work = Work() if system is None else system.work()
        connections = self._connections
        if connections is not None:
            work = replace(work, connections=connections.open, working=connections.working, may_work=connections.limit)
        return replace(
            work,
            requests=self.in_flight.requests,
            body_bytes=self.in_flight.body_bytes,
            memory_bytes=resident_bytes(),
            started_at=self._started_at,
        )


def resident_bytes() -> int:
    """The memory of this process; where the system does not tell it, the most that it ever took."""
    try:
        return int(STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES
