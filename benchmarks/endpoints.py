"""The endpoints over real HTTP: latency of one client, throughput of several, errors by status.

Every client is a thread with one open connection; its request bodies are built beforehand. /enroll gets a photo that
was never sent before and creates a new person each time, so that it includes the stored photo and the durable commit.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from benchmarks.photos import SERVED_SIZES, Photos, megabytes
from benchmarks.processor import processor_ms, spent_ms
from benchmarks.serving import Fields, Server, form, post
from benchmarks.synthetic_gallery import COLLECTION
from benchmarks.timing import Bounds, percentile

ENDPOINTS = ("/verify", "/find", "/enroll", "/represent")
CLIENTS = (1, 2, 8, 32)
EXPECTED = {"/enroll": 201}
DIFFERENT = 16  # photos that the other endpoints are sent in turn

Row = dict[str, Any]
Body = Callable[[int], bytes]


@dataclass
class Outcome:
    """The result of one series of requests. statuses: of the responses that were not as expected."""

    taken_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def endpoints(server: Server, photos: Photos, latency: Bounds, load: Bounds) -> Iterator[Row]:
    """A row for each endpoint and size. latency: bounds for one client; load: for each number of clients."""
    fresh = count(1_000)  # numbers of photos that were never sent
    for size in SERVED_SIZES:
        for path in ENDPOINTS:
            yield measure(server, photos, path, size, latency, load, fresh)


def measure(
    server: Server, photos: Photos, path: str, size: str, latency: Bounds, load: Bounds, fresh: Iterator[int]
) -> Row:
    """Latency of one client, then throughput at each number of clients."""
    series: list[tuple[int, Bounds]] = [(1, latency), *((clients, load) for clients in CLIENTS)]
    row: Row = {"endpoint": path, "size": size, "throughput": {}}
    for place, (clients, bounds) in enumerate(series):
        body, sent = bodies(photos, path, size, bounds.count, fresh)
        before = processor_ms(server.pid)
        outcome = send(server, path, body, clients, bounds)
        if place == 0:
            worked = spent_ms(server.pid, before, len(outcome.taken_ms))
            row |= {"megabytes": megabytes(sent), **_latency(outcome), "cpu_ms": worked}
        else:
            row["throughput"][str(clients)] = _throughput(outcome)
    return row


def bodies(photos: Photos, path: str, size: str, most: int, fresh: Iterator[int]) -> tuple[Body, list[bytes]]:
    """The body of request number i, i below `most`; and the photos sent."""
    new = path == "/enroll"
    sent = photos.some(size, most if new else DIFFERENT, first=_reserve(fresh, most) if new else 0)
    forms = [form(_fields(path, sent, number)) for number in range(len(sent))]
    return lambda number: forms[number % len(forms)], sent


def send(server: Server, path: str, body: Body, clients: int, bounds: Bounds) -> Outcome:
    """Send at most bounds.count requests by so many clients, none begun after bounds.seconds."""
    outcome, numbers, lock = Outcome(), iter(range(bounds.count)), threading.Lock()
    start = time.perf_counter()
    end = start + bounds.seconds

    def client() -> None:
        connection = server.connect()
        while time.perf_counter() < end:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            began = time.perf_counter()
            status = _status(connection, path, body(number))
            taken = (time.perf_counter() - began) * 1000
            with lock:
                _note(outcome, status, str(EXPECTED.get(path, 200)), taken)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome.seconds = time.perf_counter() - start
    return outcome


def _note(outcome: Outcome, status: str, expected: str, taken: float) -> None:
    if status == expected:
        outcome.taken_ms.append(taken)
    else:
        outcome.statuses[status] += 1


def _status(connection: http.client.HTTPConnection, path: str, body: bytes) -> str:
    try:
        return str(post(connection, path, body)[0])
    except (OSError, http.client.HTTPException) as exc:
        connection.close()  # the next request connects again
        return type(exc).__name__


def _fields(path: str, sent: list[bytes], number: int) -> Fields:
    photo = sent[number]
    if path == "/verify":
        return {"img1": photo, "img2": sent[(number + 1) % len(sent)]}
    if path == "/find":
        return {"img": photo, "collection": COLLECTION}
    if path == "/enroll":
        return {"img": photo, "collection": COLLECTION, "face": "largest"}
    return {"img": photo}


def _reserve(numbers: Iterator[int], how_many: int) -> int:
    first = next(numbers)
    for _ in range(how_many - 1):
        next(numbers)
    return first


def _latency(outcome: Outcome) -> Row:
    shares = {f"p{round(share * 100)}_ms": percentile(outcome.taken_ms, share) for share in (0.5, 0.95, 0.99)}
    return {**shares, "n": len(outcome.taken_ms), "errors": dict(outcome.statuses)}


def _throughput(outcome: Outcome) -> Row:
    return {
        "per_second": len(outcome.taken_ms) / outcome.seconds,
        "p50_ms": percentile(outcome.taken_ms, 0.5),
        "p99_ms": percentile(outcome.taken_ms, 0.99),
        "n": len(outcome.taken_ms),
        "errors": dict(outcome.statuses),
    }
