"""A peer in its own process: started, let run only in its turn, asked for one call at a time."""

from __future__ import annotations

import json
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.install import deepface_weights, python_of

READY_SECONDS, CALL_SECONDS = 300.0, 60.0
WORKER = Path(__file__).with_name("worker.py")

Taken = tuple[float, float]  # milliseconds, and milliseconds of processor time


class PeerFailed(Exception):
    """A peer cannot be started, or no longer responds."""


class Peer:
    """A running peer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Wait until it is ready. Raises PeerFailed."""
        self._process = process
        ready = self._answer(READY_SECONDS)
        if "error" in ready:
            raise PeerFailed(ready["error"])
        self.described = str(ready["ready"])

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


@contextmanager
def running(name: str, peer_dir: Path, folder: Path, scratch: Path, facenet: Path) -> Iterator[Peer]:
    """The peer, stopped until its turn; its environment is created when it is missing.

    folder: photos of the people that it searches. facenet: the network that DeepFace is given.
    Raises PeerFailed, OSError, SubprocessError.
    """
    python, home = python_of(name, peer_dir.absolute()), scratch / name
    home.mkdir(exist_ok=True)
    if name.startswith("deepface"):
        deepface_weights(facenet, home, peer_dir.absolute())
    with (scratch / f"{name}.log").open("w") as log:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log, "text": True}
        process = subprocess.Popen([str(python), str(WORKER), name, str(folder), str(home)], cwd=home, **pipes)
        try:
            peer = Peer(process)
            with peer.turn():
                pass
            yield peer
        finally:
            process.kill()
            process.communicate()
