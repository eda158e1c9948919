"""Two server processes on one PostgreSQL database and one photo folder behave as one service."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.pictures import drawn_photo
from tests.postgres_server import PostgresServer, running_postgres
from tests.server.replicas import client, enroll, found, two_servers
from tests.server.test_sockets import Served
from tests.waiting import patient, wait_until

PEOPLE, MANY = 12, 300
ACKNOWLEDGED_BEFORE_THE_KILL = 10


def enroll_find_and_erase(servers: tuple[Served, Served], people: int) -> None:
    """What one server acknowledges, the other one finds, or no longer finds, with its very next search."""
    with client(servers[0]) as one, client(servers[1]) as two:
        for number in range(people):
            here, there = (one, two) if number % 2 else (two, one)
            assert enroll(here, number).status_code == 201
            assert found(there, number)[0] == f"p{number}"
            if number % 3 == 0:
                assert there.delete(f"/collections/default/subjects/p{number}").status_code == 200
                assert f"p{number}" not in found(here, number)


@pytest.fixture
def servers(postgres: PostgresServer, tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    with two_servers(postgres.url(postgres.create_database()), tmp_path) as served:
        yield served


def test_what_one_server_does_holds_at_the_other_one_at_once(servers):
    enroll_find_and_erase(servers, PEOPLE)
    with client(servers[0]) as one, client(servers[1]) as two:
        verified = two.post("/verify", files={"img": drawn_photo(1)}, data={"subject": "p1"})
        assert verified.json()["verified"] is True
        made = one.post("/keys", json={"name": "door", "scopes": ["find"]}).json()
        with client(servers[1], made["key"]) as door:
            assert found(door, 1)[0] == "p1"
            assert one.delete(f"/keys/{made['id']}").status_code == 200
            assert door.post("/find", files={"img": drawn_photo(1)}).json()["error"] == "invalid_api_key"
        assert one.get("/jobs").json()["jobs"] == two.get("/jobs").json()["jobs"] == []
        assert {line["action"] for line in two.get("/audit").json()["lines"]} >= {"enroll", "key.revoke"}


def test_a_server_that_is_killed_takes_nothing_with_it_that_it_acknowledged(servers, tmp_path):
    acknowledged: list[int] = []

    def enroll_on() -> None:
        with client(servers[0]) as one:
            for number in range(10_000):
                try:
                    assert enroll(one, number).status_code == 201
                except httpx.TransportError:
                    return
                acknowledged.append(number)

    with ThreadPoolExecutor(1) as pool:
        enrolling = pool.submit(enroll_on)
        wait_until(lambda: len(acknowledged) >= ACKNOWLEDGED_BEFORE_THE_KILL, "some enrolments")
        servers[0].process.kill()
        enrolling.result(patient())
    with client(servers[1]) as two:
        for number in acknowledged:
            (face,) = two.get(f"/collections/default/subjects/p{number}/faces").json()["faces"]
            assert two.get(f"/faces/{face['face_id']}/photo").status_code == 200
        assert found(two, 1)[0] == "p1"
        assert enroll(two, 20_000).status_code == 201


def test_requests_are_told_to_come_again_while_the_database_is_away_and_then_work(tmp_path):
    with running_postgres() as database, two_servers(database.url(database.create_database()), tmp_path) as servers:
        callers = [client(server) for server in servers]
        assert enroll(callers[0], 1).status_code == 201
        assert found(callers[1], 1) == ["p1"]
        database.stop(signal.SIGQUIT)
        for caller in callers:
            for refused in (enroll(caller, 2), caller.get("/readiness"), caller.get("/collections")):
                assert (refused.status_code, refused.json()["error"]) == (503, "not_ready")
                assert int(refused.headers["retry-after"]) >= 1
            assert caller.get("/health").status_code == 200
        database.start()
        for caller in callers:
            wait_until(lambda caller=caller: caller.get("/readiness").status_code == 200, "the server to be ready")
            assert found(caller, 1) == ["p1"]
            caller.close()


@pytest.mark.soak
def test_three_hundred_are_found_by_the_other_server_at_once(servers):
    enroll_find_and_erase(servers, MANY)
