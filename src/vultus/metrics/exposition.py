"""The page of /metrics: the counts, and gauges from a sample of what is stored and from what the processes do.

A gauge by collection has a line for each of the MOST_COLLECTIONS largest; all others together are `(other)`, which is
no name that a collection can have. So thousands of collections are not thousands of time series.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from vultus.records.samples import CollectionSize, Sample, Workers

MOST_COLLECTIONS = 50
REST = "(other)"
Labels = tuple[str, ...]


def exposition(accept: str, counts: Collector, *gauges: Callable[[], Iterable[Metric]]) -> tuple[bytes, str]:
    """The page and its content type, as the Accept header asks for it: OpenMetrics, or the text format."""
    encode, content_type = choose_encoder(accept)
    return encode(_Page(counts, gauges)), content_type


class _Page(Collector):
    """All metrics, without the times at which counters were made: those of dead workers are not known."""

    def __init__(self, counts: Collector, gauges: Sequence[Callable[[], Iterable[Metric]]]) -> None:
        self._counts, self._gauges = counts, gauges

    def collect(self) -> Iterator[Metric]:
        for metric in self._counts.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
        for gauges in self._gauges:
            yield from gauges()


def of_workers(workers: Workers) -> Iterator[Metric]:
    """What the processes do at this moment."""
    work = workers.work
    yield _gauge("vultus_ready", "1 when requests are served.", float(work.ready))
    yield _gauge("vultus_start_time_seconds", "When the oldest process began, Unix time.", work.started_at)
    yield _gauge("vultus_workers", "Processes that serve.", workers.alive)
    yield _gauge("vultus_workers_wanted", "Processes that shall serve.", workers.wanted)
    restarts = CounterMetricFamily("vultus_worker_restarts", "Processes that died and were replaced.")
    restarts.add_metric((), workers.restarts)
    yield restarts
    yield _gauge("vultus_http_requests_in_flight", "Requests that are not answered yet.", work.requests)
    yield _gauge("vultus_http_request_body_held_bytes", "Bodies of these requests.", work.body_bytes)
    yield _gauge("vultus_connections", "Open connections.", work.connections)
    yield _gauge("vultus_connections_working", "Connections between a request and its answer.", work.working)
    yield _gauge("vultus_connections_working_limit", "The most of these.", work.may_work)
    yield _gauge("vultus_compute_slots", "Compute slots.", work.slots)
    yield _gauge("vultus_compute_slots_busy", "Compute slots that are taken.", work.busy)
    yield _gauge("vultus_queue_length", "Requests that wait for a compute slot.", work.waiting)
    yield _gauge("vultus_queue_limit", "The most that may wait.", work.queue)
    yield _gauge("vultus_audit_lines_waiting", "Audit lines that are not written yet.", work.audit_waiting)
    yield _gauge("vultus_process_resident_memory_bytes", "Memory of the server, all processes.", work.memory_bytes)
    yield from _of_indexes(workers)


def _of_indexes(workers: Workers) -> Iterator[Metric]:
    largest = sorted(workers.work.indexes, key=lambda one: (-one.faces, one.collection))[:MOST_COLLECTIONS]
    both, by_name = ("collection", "kind"), ("collection",)
    lines = [((one.collection, one.kind), one) for one in largest]
    yield _gauges("vultus_index_faces", "Faces in memory.", both, [(labels, one.faces) for labels, one in lines])
    sizes = [(labels, one.memory_bytes) for labels, one in lines]
    yield _gauges("vultus_index_memory_bytes", "Their memory, as each process counts it.", both, sizes)
    recalls = [((one.collection,), one.recall) for one in largest]
    yield _gauges("vultus_index_recall_ratio", "Recall of the search, 1: exact.", by_name, recalls)


def of_sample(sample: Sample, version: str, now: datetime) -> Iterator[Metric]:
    """What is stored, and what computes."""
    age = (now - sample.at).total_seconds()
    yield _gauge("vultus_sample_age_seconds", "Age of the figures of collections, sizes and disk.", max(0.0, age))
    yield _gauge("vultus_database_up", "1 when the database answers.", float(sample.database_up))
    yield _gauge("vultus_collections", "Collections.", len(sample.collections))
    sizes, by_name = largest_collections(sample.collections), ("collection",)
    yield _gauges("vultus_subjects", "Subjects enrolled.", by_name, [((one.name,), one.subjects) for one in sizes])
    yield _gauges("vultus_faces", "Faces enrolled.", by_name, [((one.name,), one.faces) for one in sizes])
    yield _gauge("vultus_database_bytes", "Size of the database file.", sample.database_bytes)
    yield _gauge("vultus_database_wal_bytes", "Size of its write-ahead log.", sample.wal_bytes)
    yield _gauge("vultus_photos_bytes", "Size of the stored photos.", sample.photo_bytes)
    yield _gauge("vultus_photos_waiting", "Photos of erased faces still to be removed.", sample.photos_waiting)
    since = sample.photos_waiting_since
    waited = 0.0 if since is None else max(0.0, (now - since).total_seconds())
    yield _gauge("vultus_photos_waiting_seconds", "How long the oldest of these waits.", waited)
    yield _gauge("vultus_disk_free_bytes", "Free space on the disk of the data folder.", sample.disk_free_bytes)
    yield _gauge("vultus_disk_size_bytes", "Size of that disk.", sample.disk_bytes)
    if sample.own_backups:
        made = 0.0 if sample.last_backup is None else sample.last_backup.timestamp()
        yield _gauge("vultus_backup_last_verified_timestamp_seconds", "Last verified backup, Unix time; 0: none.", made)
    build = {"version": version, "python": platform.python_version()}
    build |= {"device": sample.device, "arithmetic": sample.arithmetic}
    yield _gauges("vultus_build_info", "What serves.", tuple(build), [(tuple(build.values()), 1)])
    models = [((one.id, one.precision), 1) for one in sample.models]
    yield _gauges("vultus_model_info", "Recognition models in memory.", ("model", "precision"), models)


def largest_collections(sizes: Sequence[CollectionSize]) -> list[CollectionSize]:
    """The collections with most faces, and the sum of the others as one more."""
    ordered = sorted(sizes, key=lambda one: (-one.faces, one.name))
    shown, others = ordered[:MOST_COLLECTIONS], ordered[MOST_COLLECTIONS:]
    if not others:
        return shown
    rest = CollectionSize(REST, 0, 0)
    for one in others:
        rest = replace(rest, subjects=rest.subjects + one.subjects, faces=rest.faces + one.faces)
    return [*shown, rest]


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _gauges(name: str, meaning: str, labels: Labels, lines: Iterable[tuple[Labels, float]]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, value in lines:
        family.add_metric(values, value)
    return family
