"""/metrics of several worker processes: counts are exact over all of them, also over those that died."""

from __future__ import annotations

import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.pictures import drawn_photo
from tests.server.test_sockets import Served, serving
from tests.server.test_workers import TWO, both_are_ready, clients, held_request, workers_of
from tests.waiting import patient, wait_until

CALLERS, CALLS = 6, 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("counted"), **TWO) as served:
        wait_until(lambda: both_are_ready(served), "both workers")
        yield served


def value(server: Served, name: str, **labels: str) -> float:
    """The sum of the lines of a metric that have these labels."""
    families = text_string_to_metric_families(server.get("/metrics").text)
    found = [line for family in families for line in family.samples if line.name == name]
    return sum(line.value for line in found if labels.items() <= line.labels.items())


def health_calls(server: Served) -> float:
    return value(server, "vultus_http_requests_total", route="/health", status="200")


def test_counts_are_exact_over_two_workers_and_outlive_a_killed_one(server):
    with clients(server, CALLERS) as callers, ThreadPoolExecutor(CALLERS) as pool:

        def call(client: httpx.Client) -> list[int]:
            return [client.get("/health").status_code for _ in range(CALLS)]

        assert [status for each in pool.map(call, callers) for status in each] == [200] * CALLERS * CALLS
    wait_until(lambda: health_calls(server) == CALLERS * CALLS, "every call to be counted")
    for _ in range(6):  # whichever worker answers
        assert health_calls(server) == CALLERS * CALLS
    killed = workers_of(server)[0]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(workers_of(server)) == 2 and both_are_ready(server), "a new worker")
    assert health_calls(server) == CALLERS * CALLS
    server.get("/health")
    wait_until(lambda: health_calls(server) == CALLERS * CALLS + 1, "one call more")
    assert value(server, "vultus_worker_restarts_total") == 1
    wait_until(lambda: value(server, "vultus_workers") == 2, "both workers to be counted")
    assert value(server, "vultus_workers_wanted") == 2


def test_what_both_workers_do_is_added_up(server):
    wait_until(lambda: value(server, "vultus_workers") == 2, "both workers to be counted")
    assert value(server, "vultus_compute_slots") == 4
    with clients(server, 5) as callers:
        for client in callers:
            client.get("/health")
        wait_until(lambda: value(server, "vultus_connections") >= 6, "the connections of both")
    with held_request(server):
        wait_until(lambda: value(server, "vultus_compute_slots_busy") == 1, "the slot of the other worker too")
        wait_until(lambda: value(server, "vultus_http_request_body_held_bytes") > 0, "the body")


def test_scraping_goes_on_while_all_slots_are_taken_and_the_queue_is_full(tmp_path):
    few = {"VULTUS_WORKERS": "2", "VULTUS_COMPUTE_SLOTS": "2", "VULTUS_QUEUE_SIZE": "0"}
    with serving(tmp_path, **few) as server:
        wait_until(lambda: both_are_ready(server), "both workers")
        (server.folder / "hold").touch()
        with clients(server, 8) as callers, ThreadPoolExecutor(8) as pool:
            photo = {"img": ("a.png", drawn_photo(1), "image/png")}
            answers = [pool.submit(client.post, "/represent", files=photo) for client in callers]
            wait_until(lambda: value(server, "vultus_compute_slots_busy") == 2, "both slots to be taken")
            wait_until(
                lambda: value(server, "vultus_http_requests_total", code="queue_full") == 6,
                "the refusals to be counted",
            )
            (server.folder / "hold").unlink()
            statuses = sorted(answer.result().status_code for answer in answers)
        assert statuses == [200] * 2 + [503] * 6


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_folder_of_the_counts_is_private_and_gone_at_the_end(tmp_path, how):
    with serving(tmp_path, **TWO) as server:
        wait_until(lambda: both_are_ready(server), "both workers")
        environment = Path(f"/proc/{workers_of(server)[0]}/environ").read_bytes().decode()
        folder = Path(re.search(r"PROMETHEUS_MULTIPROC_DIR=([^\0]+)", environment)[1])
        assert folder.stat().st_mode & 0o777 == 0o700
        server.process.send_signal(how)
        server.process.wait(patient())
        wait_until(lambda: not folder.exists(), "the folder to be removed, by the workers where the parent was killed")
