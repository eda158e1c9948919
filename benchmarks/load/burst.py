"""Far more clients at once than the queue holds: how many are served, how late, and how soon the others are refused."""

from __future__ import annotations

import http.client
import threading
import time
from typing import Any

from benchmarks.endpoints import bodies
from benchmarks.photos import Photos
from benchmarks.serving import HEADERS, Server
from benchmarks.timing import percentile

CLIENTS = 200
PATH, SIZE = "/find", "640x480"

Row = dict[str, Any]


def burst(server: Server, photos: Photos) -> Row:
    """One request of each client, all sent at the same moment.

    Response times in ms of the served and of those refused with queue_full; how many refusals had no Retry-After.
    """
    body, _ = bodies(photos, PATH, SIZE, 0, iter(()))
    start, lock, answers = threading.Barrier(CLIENTS), threading.Lock(), list[tuple[int, bool, float]]()

    def client(number: int) -> None:
        connection = server.connect()
        connection.connect()
        start.wait()
        answer = _answer(connection, body(number))
        with lock:
            answers.append(answer)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served = [taken for status, _, taken in answers if status == 200]
    refused = [taken for status, _, taken in answers if status == 503]
    return {
        "clients": CLIENTS,
        "served": len(served),
        "served_p99_ms": percentile(served, 0.99),
        "refused": len(refused),
        "refused_p50_ms": percentile(refused, 0.5),
        "without_retry_after": sum(status == 503 and not advised for status, advised, _ in answers),
        "otherwise": CLIENTS - len(served) - len(refused),
    }


def _answer(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bool, float]:
    """Status (0: no response), whether it says when to try again, ms."""
    begun = time.perf_counter()
    try:
        connection.request("POST", PATH, body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        status, advised = answer.status, answer.getheader("Retry-After") is not None
    except (OSError, http.client.HTTPException):
        status, advised = 0, False
    finally:
        connection.close()
    return status, advised, (time.perf_counter() - begun) * 1000
