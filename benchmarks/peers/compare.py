"""Vultus over HTTP and its peers as libraries in their own processes, call by call in turn, on the same photos.

The comparison is not quite even: Vultus pays for HTTP and searches the whole gallery; a peer searches FIND_PEOPLE
photos in its own way. Each uses as many threads as it likes; only one works at a time: a peer is stopped while it is
not its turn, as its threads would go on spinning. A turn is TURN calls, of which the first does not count. DeepFace
computes with the weights of Vultus's FaceNet, which have the architecture of those it would download.
"""

from __future__ import annotations

import json
import select
import signal
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.peers.install import NAMES, deepface_weights, python_of
from benchmarks.photos import SERVED_SIZES, Photos
from benchmarks.processor import processor_ms, spent_ms
from benchmarks.serving import Fields, Server, form, post
from benchmarks.synthetic_gallery import COLLECTION
from benchmarks.timing import milliseconds

READY_SECONDS, CALL_SECONDS = 120.0, 30.0
FIND_PEOPLE = 30
PAIRS = 4
TURN = 4
CALLS = ("verify", "represent", "find")
WORKER = Path(__file__).with_name("worker.py")

Row = dict[str, Any]
Taken = tuple[float, float]  # milliseconds, and milliseconds of processor time


class PeerFailed(Exception):
    """A peer cannot be started, or no longer responds."""


class Peer:
    """A running peer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.described = str(self._answer(READY_SECONDS)["ready"])

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let it run; before and after it is stopped."""
        self._process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGSTOP)

    def call(self, name: str, photos: list[Path]) -> Taken:
        """Make one call; the times are by the peer's own clocks. Raises PeerFailed."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"call": name, "photos": [str(path) for path in photos]}) + "\n")
        self._process.stdin.flush()
        answer = self._answer(CALL_SECONDS)
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return float(answer["ms"]), float(answer["cpu_ms"])

    def _answer(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            raise PeerFailed(f"no answer within {seconds:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise PeerFailed("the process ended; its log is in the temporary folder until the run ends")
        answer: dict[str, Any] = json.loads(line)
        return answer


def compare(
    server: Server, photos: Photos, facenet: Path, peer_dir: Path, scratch: Path, rounds: int
) -> dict[str, Any]:
    """rows: one per call and size with milliseconds and ratios by peer; not_run: why, by peer."""
    folder = _people(photos, scratch / "people")
    not_run: dict[str, str] = {}
    with ExitStack() as stack:
        peers = {}
        for name in NAMES:
            try:
                peers[name] = stack.enter_context(_running(name, peer_dir, folder, scratch, facenet))
                with peers[name].turn():
                    pass
            except (PeerFailed, OSError, subprocess.SubprocessError) as exc:
                not_run[name] = _reason(exc)
        rows = [
            _measure(server, peers, call, size, _saved(photos, size, scratch), rounds, not_run)
            for size in SERVED_SIZES
            for call in CALLS
        ]
        described = {name: peer.described for name, peer in peers.items()}
    return {"peers": described, "find_people": FIND_PEOPLE, "rows": rows, "not_run": not_run}


@contextmanager
def _running(name: str, peer_dir: Path, folder: Path, scratch: Path, facenet: Path) -> Iterator[Peer]:
    python, home = python_of(name, peer_dir.absolute()), scratch / name
    home.mkdir(exist_ok=True)
    if name == "deepface":
        deepface_weights(facenet, home)
    with (scratch / f"{name}.log").open("w") as log:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log, "text": True}
        process = subprocess.Popen([str(python), str(WORKER), name, str(folder), str(home)], cwd=home, **pipes)
        try:
            yield Peer(process)
        finally:
            process.kill()
            process.communicate()


def _measure(
    server: Server,
    peers: dict[str, Peer],
    call: str,
    size: str,
    paths: list[Path],
    rounds: int,
    not_run: dict[str, str],
) -> Row:
    connection = server.connect()
    forms = [form(_fields(call, [path.read_bytes() for path in _of(call, paths, i)])) for i in range(PAIRS)]
    contestants: dict[str, Callable[[int], Taken]] = {
        "vultus": lambda i: _asked(server, connection, f"/{call}", forms[i % PAIRS])
    }
    for name, peer in peers.items():
        contestants[name] = lambda i, peer=peer: peer.call(call, _of(call, paths, i))  # type: ignore[misc]
    taken: dict[str, list[Taken]] = {name: [] for name in contestants}
    for number in range(rounds + 1):  # the first does not count: peers load and index in it
        for name, contestant in contestants.items():
            if f"{name} {call}" in not_run:
                continue
            with peers[name].turn() if name in peers else closing(connection):  # it opens again by itself
                try:
                    turn = [contestant(number * TURN + i) for i in range(TURN)]
                except PeerFailed as exc:
                    not_run[f"{name} {call}"] = _reason(exc)
                    continue
            if number:
                taken[name] += turn[1:]
    counted = {name: values for name, values in taken.items() if values}
    found = {name: statistics.median(ms for ms, _ in values) for name, values in counted.items()}
    worked = {name: statistics.mean(cpu for _, cpu in values) for name, values in counted.items()}
    return {
        "call": call,
        "size": size,
        "ms": found,
        "cpu_ms": worked,
        "times_vultus": {n: ms / found["vultus"] for n, ms in found.items()},
    }


def _asked(server: Server, connection: HTTPConnection, path: str, body: bytes) -> Taken:
    before = processor_ms(server.pid)
    taken = milliseconds(lambda: post(connection, path, body))
    return taken, spent_ms(server.pid, before, 1) or 0.0


def _of(call: str, paths: list[Path], number: int) -> list[Path]:
    first = paths[number % PAIRS]
    return [first, paths[(number + 1) % PAIRS]] if call == "verify" else [first]


def _fields(call: str, photos: list[bytes]) -> Fields:
    if call == "verify":
        return {"img1": photos[0], "img2": photos[1]}
    return {"img": photos[0], "collection": COLLECTION} if call == "find" else {"img": photos[0]}


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
