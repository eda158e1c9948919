"""What a kind of job is: it works in steps, says how far it is, and ends with an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Literal, Protocol

from vultus.records.stored import Job, JobItem


class JobStopped(Exception):
    """Raised in a job that is to stop now. cancelled: for good; else it goes on at the next start."""

    def __init__(self, *, cancelled: bool) -> None:
        super().__init__()
        self.cancelled = cancelled


@dataclass(frozen=True)
class Outcome:
    """How a job ended. sentence: of one that waits, for whom and what."""

    state: Literal["done", "waiting"] = "done"
    sentence: str | None = None


class Advance(Protocol):
    """Stores done and total, with the outcomes of what was done; whether the job is to go on."""

    def __call__(self, done: int, total: int, items: Sequence[JobItem] = ()) -> bool: ...


class Progress:
    """What a running job calls between its steps."""

    def __init__(self, advance: Advance, stop: Event) -> None:
        """stop: set when the process ends."""
        self._advance, self._stop = advance, stop

    def check(self) -> None:
        """Raises JobStopped when the process ends."""
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Wait. Raises JobStopped when the process ends meanwhile."""
        if self._stop.wait(seconds) if seconds else self._stop.is_set():
            raise JobStopped(cancelled=False)

    def step(self, done: int, total: int, items: Sequence[JobItem] = ()) -> None:
        """Store the progress with the outcomes that belong to it, in one transaction.

        Raises JobStopped when the job was cancelled or the process ends.
        """
        if not self._advance(done, total, items):
            raise JobStopped(cancelled=True)
        self.check()


class JobKind(Protocol):
    """Does the jobs of one kind. What it stores after each step must be enough to go on after a kill."""

    @property
    def name(self) -> str: ...

    def run(self, job: Job, progress: Progress) -> Outcome:
        """Do the job, calling `progress.step` at least once a second or so. A VultusError makes it fail."""
