"""Processes that compute the faces of photos for an import, one a core; what they find is stored by this process."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock
from typing import Self

from vultus.cli.analysis_process import Failed, Report, Start, ToAnalyse, run_analysis
from vultus.cli.opening import OpenVision
from vultus.cli.output import say
from vultus.config import Settings
from vultus.errors import BadInput, FaceRefused, InvalidImage, VultusError
from vultus.service.accepted_faces import Acceptance, AcceptedFace, Found, Sent

TRIES = 2  # of a photo whose process ends
END_SECONDS = 5.0
FEWER = "where memory is short, give fewer --processes"


class AnalysisPool:
    """Computes in `count` processes. Used by more threads than that, so that none waits for the storage.

    A process that ends is replaced, and its photos tried once more, one by one.
    """

    def __init__(self, settings: Settings, open_vision: OpenVision, count: int) -> None:
        """open_vision: a module-level function, called in each process."""
        self._settings = settings.model_copy(update={"compute_slots": 1})
        self._open_vision, self._count = open_vision, count
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._all: set[_Process] = set()
        self._lock = Lock()  # guards _all and _closed
        self._closed = False

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._idle.put(self._new())
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed, processes = True, tuple(self._all)
        for process in processes:
            process.end()

    @property
    def process_ids(self) -> tuple[int | None, ...]:
        """The ids of the processes."""
        with self._lock:
            return tuple(process.id for process in self._all)

    def accept(self, photo: bytes, source: str, rules: Acceptance) -> AcceptedFace:
        """As `accept_photo`, in one of the processes. Raises also InvalidImage, when two of them ended by the photo."""
        started = False
        for _ in range(TRIES):
            found, ready = self._ask([(photo, source)], rules)
            started = started or ready
            for one in found or ():
                if isinstance(one, AcceptedFace):
                    return one
                raise one
        if not started:
            raise VultusError(f"processes that analyse photos ended as they started; {FEWER} and run it again to go on")
        raise InvalidImage(f"{TRIES} processes ended while they analysed the photo; save it smaller, or {FEWER}")

    def accept_some(self, photos: Sequence[Sent], rules: Acceptance) -> list[Found]:
        """As `accept_photos`, in one of the processes; one by one where it ended by them."""
        found, _ = self._ask(photos, rules)
        return [self._one(photo, rules) for photo in photos] if found is None else found

    def _one(self, photo: Sent, rules: Acceptance) -> Found:
        try:
            return self.accept(*photo, rules)
        except (BadInput, FaceRefused) as refusal:
            return refusal

    def _ask(self, photos: Sequence[Sent], rules: Acceptance) -> tuple[list[Found] | None, bool]:
        """What a process found, None where it ended; and whether it had been ready. Raises what it could not do."""
        process = self._idle.get()
        try:
            report: Report | None = process.ask(ToAnalyse(tuple(photos), rules))
            ready = True
        except (EOFError, OSError):
            report, ready = None, process.is_ready
            process = self._replaced(process)
        finally:
            self._idle.put(process)
        if isinstance(report, Failed):
            raise report.reason
        return report if isinstance(report, list) else None, ready

    def _replaced(self, ended: _Process) -> _Process:
        ended.end()
        new = self._new()
        with self._lock:
            self._all.discard(ended)
        say("a process that analyses photos ended; it is replaced, and its photos tried once more")
        return new

    def _new(self) -> _Process:
        with self._lock:
            if self._closed:
                raise VultusError("the import is ending")
            process = _Process(self._settings, self._open_vision)
            self._all.add(process)
        return process


class _Process:
    """One process. Used by one thread at a time, but for `end`."""

    def __init__(self, settings: Settings, open_vision: OpenVision) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self.is_ready = False
        self._process = multiprocessing.get_context("spawn").Process(
            target=run_analysis, args=(Start(settings, open_vision, theirs),), name="vultus analysis", daemon=True
        )
        with _without_interrupts():
            self._process.start()
        theirs.close()  # so that the end of the process shows

    @property
    def id(self) -> int | None:
        """The id of the process."""
        return self._process.pid

    def ask(self, wanted: ToAnalyse) -> Report:
        """Its answer, or that it could not start. Raises EOFError or OSError, when it ended."""
        if not self.is_ready:
            report: Report = self._connection.recv()
            if isinstance(report, Failed):
                return report
            self.is_ready = True
        self._connection.send(wanted)
        answer: Report = self._connection.recv()
        return answer

    def end(self) -> None:
        """Kill it: it holds nothing that would be lost."""
        self._process.kill()
        self._process.join(END_SECONDS)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process started inside does not see Ctrl-C: its parent decides. In any thread."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
