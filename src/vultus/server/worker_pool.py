"""Serves with several worker processes: the parent listens, hands out connections, and replaces workers that die.

The parent opens the socket and keeps the lock of the data folder; it loads no model. The first worker migrates and
sweeps; the others start once it is ready. Only worker 0 does the jobs in the background.
"""

from __future__ import annotations

import errno
import logging
import multiprocessing
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Protocol

from vultus.api.rate_limiting.shared_rate_limits import SHARED_BYTES
from vultus.config import Settings
from vultus.cores import available_cores
from vultus.errors import VultusError
from vultus.metrics.shared_counts import SharedCounts, counting_in, shared_counts
from vultus.server.dispatcher import Dispatcher, Receiver
from vultus.server.handover import Board, Channel, SentDescriptor, new_shared_file
from vultus.server.process import LAST_ANSWERS_SECONDS, listen, raise_open_file_limit
from vultus.server.signals import handling
from vultus.server.worker import Failed, Opened, OpenWorker, Start, run_worker
from vultus.wiring.parts import FIRST_WORKER, NEXT_WORKER, REPLACED_FIRST_WORKER, Duties
from vultus.wiring.settings_check import check_settings

log = logging.getLogger(__name__)

SPARE_PLACES = 64  # a worker, beyond its share of connections at work: idle ones
FAILURES_IN_A_ROW = 3  # of starts, after which the parent gives up if no worker serves
BETWEEN_STARTS_SECONDS = 1.0  # of a worker that failed; more after each failure, at most LONGEST_BETWEEN_SECONDS
LONGEST_BETWEEN_SECONDS = 30.0
TICK_SECONDS = 0.5
NOTHING_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # descriptors or memory, until some are freed


class _WithFileno(Protocol):
    def fileno(self) -> int: ...


@dataclass(kw_only=True)
class Worker(Receiver):
    """A worker process, as the parent sees it. failure: why it could not start."""

    number: int
    process: BaseProcess
    reports: Connection
    failure: Exception | None = None


def run_workers(
    settings: Settings,
    open_worker: OpenWorker,
    *,
    lock: int,
    set_up: Callable[[], None],
    on_ready: Callable[[int], None],
) -> None:
    """Serve with `settings.workers` processes until a signal, then return.

    open_worker, set_up: module-level functions, called in each worker; set_up first. lock: the descriptor that holds
    the data folder, which the workers then hold as well. on_ready: called once, when all
    workers are ready, with the port.
    Raises SettingsInvalid, and what `open_worker` raises.
    """
    check_settings(settings)
    if settings.workers > available_cores():
        log.warning(
            "VULTUS_WORKERS=%d is more than the %d cores that may be used: each worker has models of its own in memory",
            *(settings.workers, available_cores()),
        )
    with listen(settings.host, settings.port) as listener, shared_counts(settings.data_dir) as counts:
        pool = _WorkerPool(settings, open_worker, set_up, listener, lock, on_ready, counts)
        with handling(pool.stop):
            pool.run()


class _WorkerPool:
    def __init__(
        self,
        settings: Settings,
        open_worker: OpenWorker,
        set_up: Callable[[], None],
        listener: socket.socket,
        lock: int,
        on_ready: Callable[[int], None],
        counts: SharedCounts,
    ) -> None:
        self._settings, self._share = settings, settings.for_one_of(settings.workers)
        self._open_worker, self._set_up, self._on_ready = open_worker, set_up, on_ready
        self._listener, self._lock, self._counts = listener, lock, counts
        self._restarts = 0
        self._publish()
        self._workers: dict[int, Worker] = {}
        self._to_start: dict[int, float] = {}  # by number: when, by the monotonic clock
        self._failed_starts = 0
        self._announced = False
        self._stop_by: float | None = None
        self._accept_after = 0.0  # a moment of the monotonic clock: callers wait in the system's queue until then
        self._failure: Exception | None = None
        places = raise_open_file_limit(settings.max_connections + SPARE_PLACES * settings.workers)
        self._board_file, self._rates_file = new_shared_file(places), new_shared_file(SHARED_BYTES)
        self._dispatcher = Dispatcher(Board(self._board_file))
        self._wake, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()

    # --- the loop -------------------------------------------------------------------------------------------------

    def stop(self, *_: object) -> None:
        """Stop soon: may be called by a signal handler."""
        with suppress(OSError):
            self._waker.send(b"s", socket.MSG_DONTWAIT)

    def run(self) -> None:
        """Serve until `stop`. Raises what the workers could not start for."""
        self._listener.setblocking(False)
        self._watch(self._listener, self._accept)
        self._watch(self._wake, self._begin_stop)
        self._start(0, FIRST_WORKER)
        try:
            while self._workers or self._to_start:
                for key, _ in self._selector.select(TICK_SECONDS):
                    if self._selector.get_map().get(key.fd) is key:  # not forgotten by an earlier one of this round
                        key.data()
                self._tend()
        finally:
            for worker in self._workers.values():
                worker.process.kill()
            self._dispatcher.close()
        if self._failure is not None:
            raise self._failure

    def _watch(self, source: _WithFileno, call: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, call)

    def _tend(self) -> None:
        now = time.monotonic()
        for number in [number for number, due in self._to_start.items() if due <= now]:
            del self._to_start[number]
            self._start(number, REPLACED_FIRST_WORKER if number == 0 else NEXT_WORKER)
        if self._stop_by is not None and now > self._stop_by:
            for worker in self._workers.values():
                worker.process.kill()
        self._dispatcher.tend(self._receivers())
        self._accept_again()

    def _begin_stop(self) -> None:
        self._selector.unregister(self._wake)
        self._give_up(None)

    def _give_up(self, failure: Exception | None) -> None:
        if self._stop_by is not None:
            return
        self._failure = failure
        self._stop_by = time.monotonic() + self._settings.grace_seconds + 2 * LAST_ANSWERS_SECONDS
        self._to_start.clear()
        if self._listener in self._selector.get_map():  # not while all places are taken
            self._selector.unregister(self._listener)
        self._listener.close()
        for worker in self._workers.values():
            try:
                worker.channel.stop()
            except OSError:  # it takes nothing at the moment, or ends
                worker.process.terminate()

    # --- workers --------------------------------------------------------------------------------------------------

    def _start(self, number: int, duties: Duties) -> None:
        ours, theirs = socket.socketpair()
        reports, sending = multiprocessing.Pipe(duplex=False)
        start = Start(
            *(self._share, duties, self._open_worker, self._set_up, theirs, sending, self._counts),
            *map(SentDescriptor, (self._board_file, self._rates_file, self._lock)),
        )
        process = multiprocessing.get_context("spawn").Process(
            target=run_worker, args=(start,), name=f"vultus worker {number}"
        )
        with _without_interrupts(), counting_in(self._counts):
            process.start()
        theirs.close()
        sending.close()
        worker = Worker(channel=Channel(ours), number=number, process=process, reports=reports)
        self._workers[number] = worker
        self._watch(worker.channel, partial(self._closed, worker))
        self._watch(worker.reports, partial(self._report, worker))

    def _report(self, worker: Worker) -> None:
        try:
            report: Opened | Failed = worker.reports.recv()
        except (EOFError, OSError):
            self._selector.unregister(worker.reports)
            return
        if isinstance(report, Failed):
            worker.failure = report.reason
            return
        worker.ready, self._failed_starts = True, 0
        if not self._announced and worker.number == 0:
            for number in range(1, self._settings.workers):
                if number not in self._workers:
                    self._start(number, NEXT_WORKER)
        if not self._announced and sum(one.ready for one in self._workers.values()) == self._settings.workers:
            self._announced = True
            self._on_ready(self._listener.getsockname()[1])

    def _start_failed(self, reason: Exception) -> None:
        self._failed_starts += 1
        serves = any(one.ready for one in self._workers.values())
        if not self._announced or (self._failed_starts >= FAILURES_IN_A_ROW and not serves):
            self._give_up(reason)
        else:
            log.error(
                "a worker could not start: %s", reason if isinstance(reason, VultusError) else type(reason).__name__
            )

    def _ended(self, worker: Worker) -> None:
        """A worker's channel is closed: it is dead or about to be."""
        self._selector.unregister(worker.channel)
        worker.channel.close()
        worker.process.join(LAST_ANSWERS_SECONDS)
        worker.process.kill()
        worker.process.join()
        while worker.reports in self._selector.get_map():  # until its end, which has come
            self._report(worker)
        worker.reports.close()
        del self._workers[worker.number]
        self._counts.forget(worker.process.pid or 0)
        self._dispatcher.take_back(worker, stopping=self._stop_by is not None)
        self._accept_again()
        if self._stop_by is None:
            self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        log.error("worker %d ended with code %s; it is replaced", worker.number, worker.process.exitcode)
        self._restarts += 1
        self._publish()
        if not worker.ready:
            self._start_failed(worker.failure or VultusError("a worker ended before it was ready; see the lines above"))
        if self._stop_by is None:
            pause = min(LONGEST_BETWEEN_SECONDS, BETWEEN_STARTS_SECONDS * self._failed_starts)
            self._to_start[worker.number] = time.monotonic() + (0 if worker.ready else pause)

    def _publish(self) -> None:
        self._counts.publish_parent(wanted=self._settings.workers, restarts=self._restarts)

    # --- connections ----------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        while not self._dispatcher.full:
            try:
                connection, _ = self._listener.accept()
            except OSError as exc:  # none is left, or the fault is of this connection only
                if exc.errno in NOTHING_LEFT:
                    self._accept_after = time.monotonic() + TICK_SECONDS
                    break
                return
            self._dispatcher.add(connection, self._receivers())
        self._selector.unregister(self._listener)  # until a place is free, or the pause is over

    def _closed(self, worker: Worker) -> None:
        try:
            places = worker.channel.closed_places()
        except BlockingIOError:
            return
        except OSError:
            places = None
        if places is None:
            self._ended(worker)
        else:
            self._dispatcher.closed(worker, places)
            self._accept_again()

    def _accept_again(self) -> None:
        ready = self._stop_by is None and not self._dispatcher.full and time.monotonic() >= self._accept_after
        if ready and self._listener not in self._selector.get_map():
            self._watch(self._listener, self._accept)

    def _receivers(self) -> list[Receiver]:
        return list(self._workers.values())


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process started inside ignores Ctrl-C from its first moment; its parent decides."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
