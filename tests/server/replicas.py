"""Two server processes on one database, and what their callers do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.pictures import drawn_photo
from tests.server.test_sockets import KEY, Served, serving
from tests.waiting import patient

Servers = tuple[Served, Served]


@contextmanager
def two_servers(url: str, folder: Path, *, workers: tuple[int, int] = (1, 1), **settings: str) -> Iterator[Servers]:
    """Each with a data folder of its own, in which the photos are a link to the one folder of both.

    url: of their database. workers: of each. settings: more of both.
    """
    ours = {"VULTUS_DATABASE_URL": url, "VULTUS_PHOTOS_SHARED": "true", "VULTUS_COMPUTE_SLOTS": "2", **settings}
    ours |= {"VULTUS_LOG_LEVEL": "warning"}  # nobody reads the pipe of their logs meanwhile, and it must not fill up
    (folder / "photos").mkdir()
    with ExitStack() as stack:
        served = []
        for data, count in zip(("one", "two"), workers, strict=True):
            (folder / data).mkdir()
            (folder / data / "photos").symlink_to(folder / "photos")
            served.append(stack.enter_context(serving(folder / data, VULTUS_WORKERS=str(count), **ours)))
        yield served[0], served[1]


def client(server: Served, secret: str = KEY) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {secret}"}, timeout=patient())


def enroll(caller: httpx.Client, number: int) -> httpx.Response:
    return caller.post("/enroll", files={"img": drawn_photo(number)}, data={"subject": f"p{number}"})


def found(caller: httpx.Client, number: int) -> list[str]:
    answer = caller.post("/find", files={"img": drawn_photo(number)}, data={"top_k": "5"})
    assert answer.status_code == 200, answer.text
    return [one["subject"] for one in answer.json()["faces"][0]["matches"]]
