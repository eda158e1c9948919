"""Several worker processes behind one port: limits over all of them, workers that die, stopping."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.pictures import drawn_photo
from tests.server.test_sockets import KEY, Served, serving
from tests.waiting import patient, wait_until

AUTH = {"authorization": f"Bearer {KEY}"}


TWO = {"VULTUS_WORKERS": "2", "VULTUS_COMPUTE_SLOTS": "4"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Two workers; the folder decides whether a detection waits, see `tests.api.small_server`."""
    with serving(tmp_path_factory.mktemp("served"), **TWO) as served:
        yield served


@pytest.fixture
def own_server(tmp_path):
    """As `server`, for a test that ends it."""
    with serving(tmp_path, **TWO) as served:
        yield served


def workers_of(server: Served) -> list[int]:
    """The processes that answer, by number of process."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    commands = {int(child): command_of(child) for child in children}
    return [pid for pid, command in commands.items() if command and b"resource_tracker" not in command]


def command_of(pid: str) -> bytes:
    """The command line of a process; empty where it has ended, be it this moment."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def busy_worker(server: Served) -> int:
    """The worker that has the connection of a request under way."""
    [client] = [one for one in socket_inodes(server.process.pid) if one in connected(server.port)]
    [pid] = [pid for pid in workers_of(server) if client in socket_inodes(pid)]
    return pid


def socket_inodes(pid: int) -> set[str]:
    """The sockets of a process; none where it has ended. Descriptors closed meanwhile are passed over."""
    links = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):
                links.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}


def connected(port: int) -> set[str]:
    """The inodes of the server's ends of established connections."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "01"}


@contextmanager
def clients(server: Served, count: int, key: str = KEY) -> Iterator[list[httpx.Client]]:
    """Callers with a connection each."""
    with ExitStack() as stack:
        headers = {"authorization": f"Bearer {key}"}
        yield [
            stack.enter_context(httpx.Client(base_url=server.url, headers=headers, timeout=patient()))
            for _ in range(count)
        ]


@contextmanager
def held_request(server: Served) -> Iterator[Future[httpx.Response]]:
    """A request whose detection waits until the end of the block, or until `hold` is removed."""
    hold = server.folder / "hold"
    hold.touch()
    with ThreadPoolExecutor() as pool:
        try:
            before = connected(server.port)
            answer = pool.submit(represent, server)
            wait_until(lambda: connected(server.port) - before, "the request to arrive")
            time.sleep(0.5)  # no less than reading the request takes; the detection waits
            yield answer
        finally:
            hold.unlink(missing_ok=True)


def represent(server: Served, client: httpx.Client | None = None) -> httpx.Response:
    photo = {"img": ("a.png", drawn_photo(1), "image/png")}
    return (client or httpx).post(f"{server.url}/represent", files=photo, headers=AUTH, timeout=patient())


def test_both_answer_and_share_what_is_stored(server):
    assert len(workers_of(server)) == 2
    with clients(server, 6) as callers:
        for number, caller in enumerate(callers):
            photo = {"img": ("a.png", drawn_photo(number), "image/png")}
            assert caller.post("/enroll", files=photo, data={"subject": f"p{number}"}).status_code == 201
        stored = [caller.get("/collections/default/subjects").json()["subjects"] for caller in callers]
        assert [[one["subject"] for one in page] for page in stored] == [[f"p{number}" for number in range(6)]] * 6
        assert callers[0].delete("/collections/default/subjects/p0").status_code == 200
        answers = [caller.post("/find", files={"img": drawn_photo(0)}).json() for caller in callers]
        found = {answer["faces"][0]["decision"] for answer in answers}
        assert found == {"unknown"}
        used = [socket_inodes(pid) & connected(server.port) for pid in workers_of(server)]
        assert [len(one) for one in used] == [3, 3]


def test_a_rate_holds_over_all_workers(server):
    wanted = {"name": "slow", "scopes": ["read"], "requests_per_minute": 5}
    made = httpx.post(f"{server.url}/keys", headers=AUTH, json=wanted).json()
    with clients(server, 8, made["key"]) as callers:
        codes = [caller.get("/collections").status_code for caller in callers]
    assert codes == [200] * 5 + [429] * 3


def test_a_key_is_revoked_for_all_at_once(server):
    made = httpx.post(f"{server.url}/keys", headers=AUTH, json={"name": "short", "scopes": ["read"]}).json()
    with clients(server, 4, made["key"]) as callers:
        assert {caller.get("/collections").status_code for caller in callers} == {200}
        httpx.delete(f"{server.url}/keys/{made['id']}", headers=AUTH)
        assert {caller.get("/collections").status_code for caller in callers} == {401}


def both_are_ready(server: Served) -> bool:
    """Connections go to the ready worker that has the fewest: two are spread only over two ready workers."""
    with clients(server, 2) as callers:
        return [caller.get("/readiness").status_code for caller in callers] == [200, 200] and all(
            socket_inodes(pid) & connected(server.port) for pid in workers_of(server)
        )


def test_a_killed_worker_is_replaced_and_its_request_answered_503(server):
    wait_until(lambda: not connected(server.port), "all connections to be closed")
    with held_request(server) as answer:
        killed = busy_worker(server)
        os.kill(killed, signal.SIGKILL)
        lost = answer.result()
    assert (lost.status_code, lost.json()["error"]) == (503, "not_ready")
    assert lost.headers.get("retry-after") == "1", lost.text
    wait_until(lambda: len(workers_of(server)) == 2 and both_are_ready(server), "a new worker")
    assert killed not in workers_of(server)
    assert represent(server).status_code == 200


def test_a_kept_connection_outlives_its_worker(server):
    wait_until(lambda: both_are_ready(server), "both workers")
    wait_until(lambda: not connected(server.port), "all connections to be closed")
    with clients(server, 1) as [caller]:
        assert represent(server, caller).status_code == 200
        [inode] = connected(server.port)
        killed = busy_worker(server)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{killed}").exists(), "the worker to be gone")
        assert represent(server, caller).status_code == 200
        assert connected(server.port) == {inode}


def test_every_worker_may_die_one_after_the_other(server):
    wait_until(lambda: both_are_ready(server), "both workers")
    for pid in workers_of(server):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.get("/readiness").status_code == 200, "a new worker to be ready")
    assert represent(server).status_code == 200


def test_stopping_finishes_what_is_under_way(own_server):
    with held_request(own_server) as answer:
        own_server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refused(own_server.port), "the port to be closed")
        (own_server.folder / "hold").unlink()
        assert answer.result().status_code == 200
    assert own_server.process.wait(patient()) == 0


def test_workers_end_with_a_parent_that_was_killed(own_server):
    workers = workers_of(own_server)
    own_server.process.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the workers to end")


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False
