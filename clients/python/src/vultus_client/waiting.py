"""Waits until a job has ended: by a thread that sleeps, or by a task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, overload

from vultus_client.calls.jobs import ENDED, POLL_SECONDS, get_job
from vultus_client.methods import Bound
from vultus_client.results.jobs import JobDetails
from vultus_client.senders import AsyncSender, Sender


def wait_by_thread(
    sender: Sender, job_id: str, *, timeout: float | None = None, poll_seconds: float = POLL_SECONDS
) -> JobDetails:
    """The job once it is done, failed, cancelled, or waits for a decision.

    timeout: seconds, after which TimeoutError is raised; the job goes on. Raises VultusError.
    """
    begun = time.monotonic()
    while (job := sender.send(lambda: get_job(sender.options.defaults, job_id))).state not in ENDED:
        _check(job, begun, timeout)
        time.sleep(poll_seconds)
    return job


async def wait_by_task(
    sender: AsyncSender, job_id: str, *, timeout: float | None = None, poll_seconds: float = POLL_SECONDS
) -> JobDetails:
    """See `wait_by_thread`."""
    begun = time.monotonic()
    while (job := await sender.send(lambda: get_job(sender.options.defaults, job_id))).state not in ENDED:
        _check(job, begun, timeout)
        await asyncio.sleep(poll_seconds)
    return job


def _check(job: JobDetails, begun: float, timeout: float | None) -> None:
    if timeout is not None and time.monotonic() - begun >= timeout:
        raise TimeoutError(
            f"the job has not ended within {timeout:g} s and goes on: {job.done} of {job.total} are done"
        )


class WaitMethod:
    """The method that waits; of an `AsyncClient` it is awaited."""

    __doc__ = wait_by_thread.__doc__

    @overload
    def __get__(self, owner: Bound[Sender], kind: type) -> Callable[..., JobDetails]: ...

    @overload
    def __get__(self, owner: Bound[AsyncSender], kind: type) -> Callable[..., Coroutine[Any, Any, JobDetails]]: ...

    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self
        sender = owner._sender
        return partial(wait_by_thread if isinstance(sender, Sender) else wait_by_task, sender)
