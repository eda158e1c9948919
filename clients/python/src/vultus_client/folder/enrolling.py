"""Sends the photos of a folder, a few at a time: by threads, or by tasks. What they decide is in `FolderRun`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeAlias

from vultus_client.errors import VultusError
from vultus_client.folder.photos import PhotoFile
from vultus_client.folder.report import Report
from vultus_client.folder.run import FolderRun
from vultus_client.results.recognition import Enrolment
from vultus_client.senders import AsyncSender, Sender

Answer: TypeAlias = Enrolment | VultusError


def enroll_by_threads(sender: Sender, start: Callable[[], FolderRun]) -> Report:
    """Raises VultusError, when it cannot go on; what is under way is noted before."""
    run = start()
    stopped = threading.Event()

    def answer_of(photo: PhotoFile) -> Answer:
        began = time.monotonic()
        while True:
            try:
                return sender.send(lambda: run.call_of(photo))
            except VultusError as error:
                seconds = run.wait_after(error, began)
                if seconds is None or stopped.wait(seconds):
                    return error

    pending: dict[Future[Answer], PhotoFile] = {}
    with run, ThreadPoolExecutor(run.workers) as pool:
        try:
            for photo in run.photos():
                pending[pool.submit(answer_of, photo)] = photo
                if len(pending) > run.workers:
                    _note(run, pending)
            while pending:
                _note(run, pending)
        finally:
            stopped.set()
            for future in list(pending):
                if future.cancel():
                    del pending[future]
            _note_rest(run, {photo: future.result() for future, photo in pending.items()})
    return run.report


def _note(run: FolderRun, pending: dict[Future[Answer], PhotoFile]) -> None:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        run.done(pending.pop(future), future.result())


def _note_rest(run: FolderRun, answers: dict[PhotoFile, Answer]) -> None:
    """The photos that were under way when it stopped."""
    for photo, answer in answers.items():
        with suppress(VultusError):  # the first one is raised
            run.done(photo, answer)


async def enroll_by_tasks(sender: AsyncSender, start: Callable[[], FolderRun]) -> Report:
    """Raises VultusError, when it cannot go on; what is under way is noted before."""
    run = await asyncio.to_thread(start)
    stopped = asyncio.Event()

    async def answer_of(photo: PhotoFile) -> Answer:
        began = time.monotonic()
        while True:
            try:
                return await sender.send(lambda: run.call_of(photo))
            except VultusError as error:
                seconds = run.wait_after(error, began)
                if seconds is None or await _set_within(stopped, seconds):
                    return error

    pending: dict[asyncio.Task[Answer], PhotoFile] = {}
    with run:
        try:
            for photo in run.photos():
                pending[asyncio.create_task(answer_of(photo))] = photo
                if len(pending) >= run.workers:
                    await _note_next(run, pending)
            while pending:
                await _note_next(run, pending)
        finally:
            stopped.set()
            answers = await asyncio.gather(*pending)
            _note_rest(run, dict(zip(pending.values(), answers, strict=True)))
    return run.report


async def _note_next(run: FolderRun, pending: dict[asyncio.Task[Answer], PhotoFile]) -> None:
    finished, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    for task in finished:
        run.done(pending.pop(task), task.result())


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
