"""The page of /metrics: what is on it, and that the number of its lines is bounded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from tests.api.standin import NOW, SAMPLE
from vultus.metrics.exposition import MOST_COLLECTIONS, REST
from vultus.metrics.server_metrics import ServerMetrics
from vultus.records.samples import CollectionSize, LoadedIndex, Sample, Work


def values(metrics: ServerMetrics, sample: Sample | None = SAMPLE) -> dict[tuple[str, tuple[str, ...]], float]:
    """Each line of the page by its name and label values in the order of the label names."""
    page, _ = metrics.page("", sample, "1.2.3", NOW + timedelta(seconds=7))
    return {
        (line.name, tuple(line.labels[name] for name in sorted(line.labels))): line.value
        for family in text_string_to_metric_families(page.decode())
        for line in family.samples
    }


def test_thousands_of_collections_are_fifty_lines_and_the_sum_of_the_others():
    sizes = tuple(CollectionSize(f"c{number:04}", 1, number) for number in range(3000))
    indexes = tuple(LoadedIndex(one.name, "exact", one.faces, 10, 1.0) for one in sizes)
    metrics = ServerMetrics()
    metrics.publish(Work(indexes=indexes))
    found = values(metrics, replace(SAMPLE, collections=sizes))
    faces = {labels[0]: value for (name, labels), value in found.items() if name == "vultus_faces"}
    assert len(faces) == MOST_COLLECTIONS + 1
    assert faces["c2999"] == 2999
    assert faces[REST] == sum(range(3000 - MOST_COLLECTIONS))
    assert found["vultus_subjects", (REST,)] == 3000 - MOST_COLLECTIONS
    assert found["vultus_collections", ()] == 3000
    assert len(found) < 500


def test_made_up_methods_and_paths_are_one_label():
    metrics = ServerMetrics()
    metrics.publish(Work())
    for number in range(50):
        metrics.counts.count_request(route=None, method=f"M{number}", status=404, code="not_found", seconds=0.1)
    found = values(metrics)
    counted = {key: value for key, value in found.items() if key[0] == "vultus_http_requests_total"}
    assert counted == {("vultus_http_requests_total", ("not_found", "other", "other", "404")): 50}


def test_a_backup_that_was_never_made_is_of_1970_so_that_its_age_is_an_alert():
    metrics = ServerMetrics()
    metrics.publish(Work())
    assert values(metrics)["vultus_backup_last_verified_timestamp_seconds", ()] == NOW.timestamp()
    never = values(metrics, replace(SAMPLE, last_backup=None))
    assert never["vultus_backup_last_verified_timestamp_seconds", ()] == 0


def test_a_database_that_is_backed_up_by_others_has_no_age_of_a_backup():
    metrics = ServerMetrics()
    metrics.publish(Work())
    assert ("vultus_backup_last_verified_timestamp_seconds", ()) not in values(
        metrics, replace(SAMPLE, own_backups=False)
    )


def test_lost_audit_lines_and_processor_time_are_counted_once():
    metrics = ServerMetrics()
    metrics.publish(Work(audit_lost=3))
    metrics.publish(Work(audit_lost=3))
    first = values(metrics)
    metrics.publish(Work(audit_lost=5))
    second = values(metrics)
    assert first["vultus_audit_lines_lost_total", ()] == 3
    assert second["vultus_audit_lines_lost_total", ()] == 5
    assert second["vultus_process_cpu_seconds_total", ()] >= first["vultus_process_cpu_seconds_total", ()]


def test_before_the_system_is_open_there_is_a_page_all_the_same():
    metrics = ServerMetrics()
    metrics.publish(Work())
    found = values(metrics, None)
    assert found["vultus_ready", ()] == 0
    assert ("vultus_database_bytes", ()) not in found


def test_two_systems_of_one_process_count_apart():
    one, other = ServerMetrics(), ServerMetrics()
    for metrics in (one, other):
        metrics.publish(Work())
    one.counts.count_request(route="/find", method="POST", status=200, code=None, seconds=0.1)
    key = "vultus_http_requests_total", ("", "POST", "/find", "200")
    assert (values(one).get(key), values(other).get(key)) == (1, None)
