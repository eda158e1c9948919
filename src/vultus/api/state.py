"""State of the HTTP application: the settings, the system once it is open, the compute threads."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends, FastAPI, Request

from vultus import __version__
from vultus.api.middleware.shutdown import ShutdownState
from vultus.api.rate_limiting.rate_limits import RateLimiter
from vultus.api.request_context import OpenSystem, System
from vultus.api.server_work import ServerWork
from vultus.caller import waiting
from vultus.config import Settings
from vultus.errors import NotReady, QueueFull, VultusError
from vultus.metrics.server_metrics import ServerMetrics
from vultus.outgoing.image_fetch import Fetcher
from vultus.storage.database import is_sqlite
from vultus.storage.job_records.upload_place import open_uploads

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
# More threads than photos may run and wait, so that the pipeline, which knows its queue, is the one to raise QueueFull.
SPARE_THREADS = 16
PUBLISH_SECONDS = 1.0
RECEIVING_THREADS = 2  # that write uploads to the disk


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def stop_process(exc: Exception) -> None:
    """Log why the system did not open, and end the server as Ctrl-C would."""
    log.critical("vultus cannot serve: %s", exc if isinstance(exc, VultusError) else type(exc).__name__)
    os.kill(os.getpid(), signal.SIGTERM)


class AppState:
    """Opens the system when the server starts, closes it when the server stops."""

    def __init__(
        self,
        settings: Settings,
        *,
        system: System | None = None,
        open_system: OpenSystem | None = None,
        on_failure: Callable[[Exception], None] = stop_process,
        fetcher: Fetcher | None = None,
        now: Callable[[], datetime] = utc_now,
        rates: RateLimiter | None = None,
        work: ServerWork | None = None,
    ) -> None:
        """fetcher: default: the one of the settings, which is None unless image URLs are on. now: the wall clock.

        rates: default: counted in this process. work: with the metrics of the process; default: alone, of its own.
        """
        self.settings = settings
        self.work = work or ServerWork(ServerMetrics())
        self.now = now
        self.fetcher = fetcher or _fetcher(settings)
        self.uploads = open_uploads(
            settings.photo_url, settings.data_dir, one_server=is_sqlite(settings.sqlalchemy_url)
        )
        self.rates = rates or RateLimiter()
        self.shutdown_state = ShutdownState()
        self._system = system
        self._open_system = open_system
        self._on_failure = on_failure
        self._stack = ExitStack()
        self.large_input = anyio.Semaphore(1)  # parsed one at a time: the parser and all answers share one interpreter
        self.public_work = anyio.Semaphore(1)  # so strangers take no more than one of the threads
        self._watching = anyio.CapacityLimiter(1)  # a thread of its own, so that a busy service can be watched
        self._probing = anyio.CapacityLimiter(1)
        self._receiving = anyio.CapacityLimiter(RECEIVING_THREADS)
        self._threads = anyio.CapacityLimiter(settings.compute_slots + settings.queue_size + SPARE_THREADS)

    async def probe(self, work: Callable[[], None]) -> None:
        """Do blocking work that takes a moment or fails, in a thread that is for this alone: also under load."""
        await anyio.to_thread.run_sync(work, limiter=self._probing, abandon_on_cancel=True)

    def system(self) -> System:
        """The open, warm system. Raises NotReady while it starts or stops."""
        if self._system is None or not self._system.ready:
            raise NotReady("the service is starting or stopping; ask again, or wait until /readiness answers 200")
        return self._system

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work in a thread of this state, so that it neither waits for nor starves the framework's threads.

        Raises QueueFull when all threads are busy. When the call is cancelled, the thread ends at its next step.
        """
        if self._threads.available_tokens < 1:
            raise QueueFull("all compute threads are busy; ask again in a second", 1.0)
        bound = partial(work, *args, **kwargs)
        with waiting() as caller:
            try:
                return await anyio.to_thread.run_sync(bound, limiter=self._threads, abandon_on_cancel=True)
            finally:
                caller.leave()  # which ends what a cancelled call still computes

    async def receive(self, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write what arrived to the disk, in one of the threads that are kept for it; none is abandoned meanwhile."""
        return await anyio.to_thread.run_sync(partial(write, *args, **kwargs), limiter=self._receiving)

    async def watch(self, look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Look at the service in the thread that is kept for it, one after the other."""
        return await anyio.to_thread.run_sync(partial(look, *args, **kwargs), limiter=self._watching)

    def publish_work(self) -> None:
        """Put what this process does now into its metrics."""
        self.work.publish(self._system)

    def metrics_page(self, accept: str) -> tuple[bytes, str]:
        """The page for Prometheus and its content type. Without what is stored, while the system is not open."""
        system = self._system
        sample = None if system is None else system.sample()
        return self.work.metrics.page(accept, sample, __version__, self.now())

    async def _publish_on_and_on(self) -> None:
        """For the other workers, which answer for this one too."""
        while True:
            self.publish_work()
            await asyncio.sleep(PUBLISH_SECONDS)

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Open in the background, so that /health answers meanwhile; close at the end."""
        opening = asyncio.create_task(self._open())
        publishing = asyncio.create_task(self._publish_on_and_on()) if self.work.metrics.is_shared else None
        try:
            yield
        finally:
            if publishing is not None:
                publishing.cancel()
            await opening
            await self._close()

    async def _open(self) -> None:
        if self._open_system is None:
            return
        try:
            self._system = await anyio.to_thread.run_sync(self._stack.enter_context, self._open_system())
        except Exception as exc:
            self._on_failure(exc)

    async def _close(self) -> None:
        if self._open_system is not None:
            self._system = None
            await anyio.to_thread.run_sync(self._stack.close)


def _fetcher(settings: Settings) -> Fetcher | None:
    if not settings.image_urls:
        return None
    return Fetcher(settings.max_image_bytes, settings.max_body_bytes, settings.image_url_seconds)


def app_state(request: Request) -> AppState:
    """The state of the application that answers this request."""
    state: AppState = request.app.state.vultus
    return state


async def _state(request: Request) -> AppState:
    return app_state(request)


State = Annotated[AppState, Depends(_state)]
