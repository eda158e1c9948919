"""The counters and histograms of one process: the importer of prometheus_client, with `exposition.py`.

Labels are of bounded number: routes as the application declares them, never a path; methods and codes that exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from vultus.metrics.stopwatch import Stage
from vultus.records.decisions import Decision

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
OTHER = "other"  # in place of a route or a method that the application does not have
NO_STATUS = "none"  # of a request whose caller left before its answer
WRONG_KEY = ("invalid_api_key", "missing_api_key")
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Instruments:
    """Counts and times requests. Used by many threads at once; each system has its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "vultus_http_requests",
            "Requests answered, by route template; code: of the error, or empty.",
            ["route", "method", "status", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "vultus_http_request_duration_seconds",
            "Time from a request to its answer.",
            ["route", "method"],
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        stages = Histogram(
            "vultus_stage_duration_seconds",
            "Time of one request in one stage.",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=registry,
        )
        self._stages = {name: stages.labels(name) for name in get_args(Stage)}  # found once: every request has some
        self._decisions = Counter(
            "vultus_decisions", "Decisions about faces.", ["operation", "decision"], registry=registry
        )
        self._rejected = Counter(
            "vultus_enrolment_rejections",
            "Photos and faces that were refused while others of their request were enrolled.",
            ["code"],
            registry=registry,
        )
        self._wrong_keys = Counter(
            "vultus_authentication_failures", "Requests without a valid key.", ["code"], registry=registry
        )
        self._lost_lines = Counter("vultus_audit_lines_lost", "Audit lines given up.", registry=registry)
        self._cpu = Counter("vultus_process_cpu_seconds", "Processor time of the server.", registry=registry)
        for code in WRONG_KEY:  # there from the start, so that the first failure is an increase
            self._wrong_keys.labels(code)

    def count_request(self, *, route: str | None, method: str, status: int, code: str | None, seconds: float) -> None:
        """One request is over. route: its template, None where no route took it. status: 0: no answer was begun."""
        method, route = method if method in METHODS else OTHER, route or OTHER
        shown = str(status) if status else NO_STATUS
        self._requests.labels(route, method, shown, code or "").inc()
        self._seconds.labels(route, method).observe(seconds)
        if code in WRONG_KEY:
            self._wrong_keys.labels(code).inc()

    def count_stages(self, stages: Mapping[Stage, float]) -> None:
        """The seconds of each stage that one request had."""
        for name, seconds in stages.items():
            self._stages[name].observe(seconds)

    def count_decisions(self, operation: str, decisions: Iterable[Decision]) -> None:
        """What one request decided. operation: its name in the audit."""
        for decision in decisions:
            self._decisions.labels(operation, decision.decision).inc()

    def count_rejected(self, codes: Iterable[str]) -> None:
        """What one enrolment left out of what it was sent."""
        for code in codes:
            self._rejected.labels(code).inc()

    def count_lost_lines(self, lines: int) -> None:
        """Audit lines that were given up."""
        self._lost_lines.inc(lines)

    def count_cpu(self, seconds: float) -> None:
        """Processor time that this process used since the last call."""
        self._cpu.inc(seconds)
