"""The primary is killed with a synchronous standby beside it, which is promoted: nothing acknowledged is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.postgres_server import PostgresServer, primary_and_standby
from tests.server.replicas import Servers, client, enroll, found, two_servers
from tests.waiting import patient, wait_until

BEFORE, LATER = 12, 4  # acknowledged before the primary is killed, and after the promotion
BY_ONE_SERVER = 1_000


@pytest.fixture
def servers_of_two_databases(tmp_path: Path) -> Iterator[tuple[PostgresServer, PostgresServer, Servers]]:
    with primary_and_standby() as (primary, standby):
        url = primary.url(primary.create_database(), standby)
        with two_servers(url, tmp_path) as servers:
            yield primary, standby, servers


class Load:
    """Enrolls at both servers, and erases every fifth person, until told to stop. Keeps what was acknowledged."""

    def __init__(self, servers: Servers) -> None:
        self.enrolled: set[int] = set()
        self.erased: set[int] = set()
        self.refusals: set[tuple[int, str]] = set()
        self._servers, self._stopped = servers, Event()
        self._pool = ThreadPoolExecutor(2)
        self._running = [self._pool.submit(self._run, number) for number in (0, 1)]

    def stop(self) -> None:
        self._stopped.set()
        for running in self._running:
            running.result(patient())
        self._pool.shutdown()

    def _run(self, which: int) -> None:
        with client(self._servers[which]) as caller:
            for number in range(which * BY_ONE_SERVER, (which + 1) * BY_ONE_SERVER):
                if self._stopped.is_set():
                    return
                if not self._acknowledged(enroll(caller, number), 201):
                    continue
                self.enrolled.add(number)
                if number % 5 == 0:
                    erased = caller.delete(f"/collections/default/subjects/p{number}")
                    if self._acknowledged(erased, 200):
                        self.erased.add(number)

    def _acknowledged(self, answer: httpx.Response, status: int) -> bool:
        if answer.status_code != status:
            self.refusals.add((answer.status_code, answer.json()["error"]))
            self._stopped.wait(0.05)
        return answer.status_code == status


def subjects_at(caller: httpx.Client) -> set[str]:
    subjects: set[str] = set()
    cursor = None
    while True:
        page = caller.get("/collections/default/subjects", params={"cursor": cursor} if cursor else {}).json()
        subjects |= {one["subject"] for one in page["subjects"]}
        if (cursor := page.get("next_cursor")) is None:
            return subjects


def test_nothing_acknowledged_is_lost_when_the_primary_is_killed_and_its_standby_promoted(servers_of_two_databases):
    primary, standby, servers = servers_of_two_databases
    load = Load(servers)
    try:
        wait_until(lambda: len(load.enrolled) >= BEFORE and load.erased, "some enrolments and an erasure")
        primary.stop(signal.SIGKILL)
        wait_until(lambda: load.refusals, "a refusal")
        standby.execute("SELECT pg_promote()")
        before = len(load.enrolled)
        wait_until(lambda: len(load.enrolled) >= before + LATER, "enrolments in the new primary")
    finally:
        load.stop()
    assert load.refusals == {(503, "not_ready")}
    for server in servers:
        with client(server) as caller:
            there = subjects_at(caller)
            assert {f"p{number}" for number in load.enrolled - load.erased} - there == set()
            assert {f"p{number}" for number in load.erased} & there == set()
            kept = max(load.enrolled - load.erased)
            assert found(caller, kept)[0] == f"p{kept}"
