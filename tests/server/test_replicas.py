"""Two servers on one PostgreSQL database and one store of photos behave as one service."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.pictures import drawn_photo
from tests.postgres_server import PostgresServer, running_postgres
from tests.server.replicas import Servers, client, enroll, found, two_servers
from tests.standins import OTHER
from tests.storage.photo_stores.object_storage import BUCKET, s3_server
from tests.waiting import patient, wait_until

PEOPLE, MANY = 12, 300
S3_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}
ACKNOWLEDGED_BEFORE_THE_KILL = 10


def enroll_find_and_erase(servers: Servers, people: int) -> None:
    """What one server acknowledges, the other one finds, or no longer finds, with its very next search."""
    with client(servers[0]) as one, client(servers[1]) as two:
        for number in range(people):
            here, there = (one, two) if number % 2 else (two, one)
            assert enroll(here, number).status_code == 201
            assert found(there, number)[0] == f"p{number}"
            if number % 3 == 0:
                assert there.delete(f"/collections/default/subjects/p{number}").status_code == 200
                assert f"p{number}" not in found(here, number)


@pytest.fixture(scope="module")
def servers(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One with two worker processes, one with one; their photos in object storage."""
    url = postgres.url(postgres.create_database())
    with s3_server() as endpoint:
        ours = {"AWS_ENDPOINT_URL": endpoint, "VULTUS_PHOTO_URL": f"s3://{BUCKET}/faces", **S3_VARIABLES}
        with two_servers(url, tmp_path_factory.mktemp("servers"), workers=(2, 1), **ours) as served:
            yield served


@pytest.fixture
def callers(servers: Servers) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    with client(servers[0]) as one, client(servers[1]) as two:
        yield one, two


def test_what_one_server_does_holds_at_the_other_one_at_once(servers, callers):
    enroll_find_and_erase(servers, PEOPLE)
    one, two = callers
    verified = two.post("/verify", files={"img": drawn_photo(1)}, data={"subject": "p1"})
    assert verified.json()["verified"] is True
    assert one.get("/jobs").json()["jobs"] == two.get("/jobs").json()["jobs"] == []
    assert {line["action"] for line in two.get("/audit").json()["lines"]} >= {"enroll", "subject.erase"}


def test_a_key_that_is_revoked_at_one_server_is_refused_by_all_at_the_next_request(servers, callers):
    one = callers[0]
    assert enroll(one, 600).status_code == 201
    made = one.post("/keys", json={"name": "door", "scopes": ["find"]}).json()
    with client(servers[1], made["key"]) as door:
        assert found(door, 600)[0] == "p600"
        assert one.delete(f"/keys/{made['id']}").status_code == 200
        assert door.post("/find", files={"img": drawn_photo(600)}).json()["error"] == "invalid_api_key"


def test_requests_a_minute_are_counted_over_all_servers_and_workers(servers, callers):
    made = callers[0].post("/keys", json={"name": "door", "scopes": ["find"], "requests_per_minute": 6}).json()
    with client(servers[0], made["key"]) as one, client(servers[1], made["key"]) as two:
        codes = [caller.post("/find", files={"img": drawn_photo(1)}).status_code for caller in (one, two) * 5]
    assert sorted(codes) == [200] * 6 + [429] * 4


def test_the_photos_in_the_bucket_are_those_of_both(callers):
    one, two = callers
    assert enroll(one, 700).status_code == 201
    (face,) = two.get("/collections/default/subjects/p700/faces").json()["faces"]
    path = f"/faces/{face['face_id']}/photo"
    assert two.get(path).content == one.get(path).content != b""
    assert two.delete("/collections/default/subjects/p700").status_code == 200
    assert one.get(path).json()["error"] == "face_not_found"


def test_one_server_serves_while_another_one_embeds_all_faces_anew(callers):
    one, two = callers
    numbers = range(800, 812)
    for number in numbers:
        assert enroll(one, number).status_code == 201
    started = one.post("/collections/default/reembed", json={"model": OTHER})
    assert started.status_code == 202, started.text
    place, asked = f"/jobs/{started.json()['job_id']}", count()

    def ended() -> bool:
        number = numbers[next(asked) % len(numbers)]
        assert found(two, number)[0] == found(one, number)[0] == f"p{number}"
        return one.get(place).json()["state"] == "done"

    wait_until(ended, "all faces to be embedded anew")
    for caller in callers:
        assert caller.get("/collections/default/reembed").json()["model"] == OTHER
        assert [found(caller, number)[0] for number in numbers] == [f"p{number}" for number in numbers]
    assert enroll(two, 820).status_code == 201
    assert found(one, 820)[0] == "p820"


@pytest.fixture
def own_servers(postgres: PostgresServer, tmp_path: Path) -> Iterator[Servers]:
    """For a test that ends one; their photos in one folder."""
    with two_servers(postgres.url(postgres.create_database()), tmp_path) as served:
        yield served


def test_a_server_that_is_killed_takes_nothing_with_it_that_it_acknowledged(own_servers):
    acknowledged: list[int] = []

    def enroll_on() -> None:
        with client(own_servers[0]) as one:
            for number in range(10_000):
                try:
                    assert enroll(one, number).status_code == 201
                except httpx.TransportError:
                    return
                acknowledged.append(number)

    with ThreadPoolExecutor(1) as pool:
        enrolling = pool.submit(enroll_on)
        wait_until(lambda: len(acknowledged) >= ACKNOWLEDGED_BEFORE_THE_KILL, "some enrolments")
        own_servers[0].process.kill()
        enrolling.result(patient())
    with client(own_servers[1]) as two:
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
def test_three_hundred_are_found_by_the_other_server_at_once(own_servers):
    enroll_find_and_erase(own_servers, MANY)
