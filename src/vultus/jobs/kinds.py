"""What a kind of job is: it works in steps, says how far it is, and ends with an outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from vultus.records.stored import Job


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


class Progress:
    """What a running job calls between its steps."""

    def __init__(self, advance: Callable[[int, int], bool], stopping: Callable[[], bool]) -> None:
        """advance: stores done and total; whether the job is to go on. stopping: whether the process ends."""
        self._advance, self._stopping = advance, stopping

    def check(self) -> None:
        """Raises JobStopped when the process ends."""
        if self._stopping():
            raise JobStopped(cancelled=False)

    def step(self, done: int, total: int) -> None:
        """Store the progress. Raises JobStopped when the job was cancelled or the process ends."""
        if not self._advance(done, total):
            raise JobStopped(cancelled=True)
        self.check()


class JobKind(Protocol):
    """Does the jobs of one kind. What it stores after each step must be enough to go on after a kill."""

    @property
    def name(self) -> str: ...

    def run(self, job: Job, progress: Progress) -> Outcome:
        """Do the job, calling `progress.step` at least once a second or so. A VultusError makes it fail."""
