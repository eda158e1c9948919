"""Workers that are killed at each step of a request, and a server that is stopped or killed under load."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.pictures import drawn_photo
from tests.server.test_sockets import KEY, Served, head, received, serving
from tests.server.test_workers import (
    TWO,
    both_are_ready,
    busy_worker,
    connected,
    held_request,
    refused,
    represent,
    socket_inodes,
    workers_of,
)
from tests.waiting import patient, wait_until

CLIENTS, PEOPLE = 16, 40  # of the load; as many people in each client
BUSY = {"VULTUS_WORKERS": "2", "VULTUS_COMPUTE_SLOTS": "4", "VULTUS_SHUTDOWN_SECONDS": "20"}
LARGE = "/static-offline-docs/swagger-ui-bundle.js"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("killed"), **TWO) as served:
        yield served


@pytest.fixture
def quiet(server):
    """The server, both workers ready and nobody connected."""
    wait_until(lambda: both_are_ready(server), "both workers")
    wait_until(lambda: not connected(server.port), "all connections to be closed")
    return server


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_in_the_middle_of_reading_a_body(quiet):
    connection = quiet.send(head("/represent", "Content-Length: 1000") + b"{")
    wait_until(lambda: connected(quiet.port), "the connection")
    time.sleep(0.5)  # no less than reading the head takes
    kill(busy_worker(quiet))
    answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer.lower()
    assert b'"error":"not_ready"' in answer


def test_in_the_middle_of_an_answer_nothing_is_added_to_it(quiet):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(patient())
        connection.connect(("127.0.0.1", quiet.port))
        connection.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        begun = connection.recv(1000)
        kill(busy_worker(quiet))
        rest = received_or_cut(connection)
    assert begun.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 503" not in rest


def received_or_cut(connection: socket.socket) -> bytes:
    """All bytes until the other side closes or cuts the connection."""
    parts = []
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_while_it_opens_leaves_no_descriptors_in_the_parent(quiet):
    parent = quiet.process.pid
    before = len(os.listdir(f"/proc/{parent}/fd"))
    for _ in range(2):
        old = set(workers_of(quiet))
        kill(max(old))
        wait_until(lambda old=old: set(workers_of(quiet)) - old, "the next worker")
        for pid in set(workers_of(quiet)) - old:
            kill(pid)
        wait_until(lambda: both_are_ready(quiet), "both workers")
    wait_until(lambda: not connected(quiet.port), "all connections to be closed")
    wait_until(lambda: len(os.listdir(f"/proc/{parent}/fd")) <= before, "as many descriptors as before")


def test_a_worker_that_is_told_to_stop_gets_no_new_connections(quiet):
    with held_request(quiet) as answer:
        stopping = busy_worker(quiet)
        os.kill(stopping, signal.SIGTERM)
        time.sleep(0.5)  # no less than the signal takes
        for _ in range(4):  # answered at once, while the worker waits for the request that is held
            assert quiet.get("/health").status_code == 200
        assert Path(f"/proc/{stopping}").exists()
        (quiet.folder / "hold").unlink()
        assert answer.result().status_code == 200
    wait_until(lambda: not Path(f"/proc/{stopping}").exists(), "the worker to end")


def test_many_connections_leave_no_descriptors(quiet):
    pids = [quiet.process.pid, *workers_of(quiet)]
    before = [len(socket_inodes(pid)) for pid in pids]
    for _ in range(300):
        quiet.send(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").close()
    wait_until(lambda: not connected(quiet.port), "all connections to be closed")
    wait_until(lambda: [len(socket_inodes(pid)) for pid in pids] == before, "as many sockets as before")


def test_without_descriptors_the_parent_waits_instead_of_trying_on_and_on(quiet):
    parent = quiet.process.pid
    _, hard = resource.prlimit(parent, resource.RLIMIT_NOFILE)
    used = {int(number) for number in os.listdir(f"/proc/{parent}/fd")}
    least_free = min(set(range(len(used) + 1)) - used)
    limits = resource.prlimit(parent, resource.RLIMIT_NOFILE, (least_free, hard))
    try:
        with socket.create_connection(("127.0.0.1", quiet.port)):  # by the system's queue; the parent cannot accept it
            before = rounds_of(parent)
            time.sleep(2)  # the span in which rounds are counted
            assert rounds_of(parent) - before < 100
    finally:
        resource.prlimit(parent, resource.RLIMIT_NOFILE, limits)
    assert quiet.get("/health").status_code == 200


def rounds_of(pid: int) -> int:
    """How busy a process was: its switches of context and ticks of processor time, a few a second where it waits."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    switches = sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return switches + int(fields[11]) + int(fields[12])


def test_during_the_shutdown(tmp_path):
    with serving(tmp_path, **TWO) as own, held_request(own) as answer:
        killed = busy_worker(own)
        own.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refused(own.port), "the port to be closed")
        kill(killed)
        assert outcome_of(answer) in (503, "closed")
        assert own.process.wait(patient()) == 0


def outcome_of(answer) -> int | str:
    try:
        return answer.result().status_code
    except httpx.TransportError:
        return "closed"


# --- load -----------------------------------------------------------------------------------------------------------


def enroll_until(server: Served, client: int, stop: Event, acknowledged: set[str]) -> Counter[int | str]:
    """Enroll people until the event or the last one; all outcomes. acknowledged: gets those whose enrolment was."""
    outcomes: Counter[int | str] = Counter()
    photo = drawn_photo(client)
    with httpx.Client(base_url=server.url, headers={"x-api-key": KEY}, timeout=patient()) as caller:
        for number in range(PEOPLE):
            if stop.is_set():
                break
            subject = f"c{client}-{number}"
            try:
                code: int | str = caller.post("/enroll", files={"img": photo}, data={"subject": subject}).status_code
            except httpx.TimeoutException:
                code = "hung"
            except httpx.TransportError:
                code = "closed"
            outcomes[code] += 1
            if code == 201:
                acknowledged.add(subject)
    return outcomes


def under_load(server: Served, disturb) -> tuple[set[str], Counter[int | str]]:
    """The acknowledged subjects and the outcomes of a load during which `disturb` is called once."""
    stop, acknowledged, outcomes = Event(), set[str](), Counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(enroll_until, server, client, stop, acknowledged) for client in range(CLIENTS)]
        try:
            wait_until(lambda: len(connected(server.port)) >= CLIENTS, "all clients")
            wait_until(lambda: len(acknowledged) >= CLIENTS, "some of the load")
            disturb()
        finally:
            stop.set()
        for one in running:
            outcomes += one.result()
    return acknowledged, outcomes


def stored(server: Served) -> set[str]:
    subjects, cursor = set(), None
    for _ in range(CLIENTS * PEOPLE):
        params = {} if cursor is None else {"cursor": cursor}
        page = httpx.get(
            f"{server.url}/collections/default/subjects", headers={"x-api-key": KEY}, params=params, timeout=patient()
        ).json()
        subjects |= {one["subject"] for one in page["subjects"]}
        cursor = page.get("next_cursor")
        if cursor is None:
            return subjects
    raise AssertionError("pages without an end")


ANSWERED_OR_CLOSED = {201, 503, "closed"}


def test_killed_workers_under_load_lose_nothing_acknowledged(tmp_path):
    with serving(tmp_path, **BUSY) as server:

        def kill_one_after_the_other() -> None:
            for pid in workers_of(server):
                kill(pid)
                time.sleep(0.5)

        acknowledged, outcomes = under_load(server, kill_one_after_the_other)
        wait_until(lambda: both_are_ready(server), "both workers")
        assert acknowledged
        assert set(outcomes) <= ANSWERED_OR_CLOSED
        assert acknowledged <= stored(server)
        assert represent(server).status_code == 200


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.soak
def test_stopped_or_killed_under_load_loses_nothing_acknowledged(tmp_path, how):
    with serving(tmp_path, **BUSY) as server:
        workers = workers_of(server)

        def end() -> None:
            server.process.send_signal(how)
            server.process.wait(patient())

        acknowledged, outcomes = under_load(server, end)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the workers to end")
        assert acknowledged
        assert set(outcomes) <= ANSWERED_OR_CLOSED
        assert server.process.returncode == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    with serving(tmp_path, **BUSY) as again:
        assert acknowledged <= stored(again)
