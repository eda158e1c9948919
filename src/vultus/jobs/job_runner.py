"""Runs the queued jobs of a lane, one after the other, in one thread of the server, or in the thread of a command."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from vultus.errors import StorageFailed, StorageUnavailable, VultusError
from vultus.jobs.kinds import JobKind, JobStopped, Outcome, Progress
from vultus.records.stored import Job, JobItem
from vultus.storage.jobs import EVERY_KIND, JobStore, Lane

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # jobs are queued by other processes too, so the table is asked
UNAVAILABLE_POLLS = 10  # waits so many times as long while the database refuses
STOP_SECONDS = 10.0  # longest wait for the step under way


class JobRunner:
    """Runs the jobs of a lane while it leads: it takes over what the one that led before left running."""

    def __init__(
        self, jobs: JobStore, kinds: Sequence[JobKind], *, lane: Lane = EVERY_KIND, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._jobs, self._lane = jobs, lane
        self._kinds = {kind.name: kind for kind in kinds}
        self._poll_seconds = poll_seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._led = False

    def start(self) -> None:
        """Run jobs in a thread of its own until `close`. Raises StorageFailed."""
        self._take_over()
        self._thread = threading.Thread(target=self._run, name="vultus-jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the step under way; the job goes on at the next start."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def run_next(self, report: Callable[[int, int], None] = lambda done, total: None) -> bool:
        """Run the job that was queued first, in this thread; False when none is queued.

        report: told done and total after each step. Raises StorageFailed.
        """
        job = self._jobs.start_next(self._lane)
        if job is None:
            return False

        def advance(done: int, total: int, items: Sequence[JobItem] = ()) -> bool:
            report(done, total)
            return self._jobs.advance(job.id, done, total, items)

        try:
            outcome = self._do(job, Progress(advance, self._stop))
        except JobStopped as stopped:
            self._jobs.end(job.id, "cancelled" if stopped.cancelled else "queued")
        except StorageUnavailable as exc:
            log.warning("job %s (%s) waits: %s", job.id, job.kind, exc)
            self._jobs.end(job.id, "queued")
        except VultusError as exc:
            log.warning("job %s (%s) failed: %s", job.id, job.kind, exc)
            self._jobs.end(job.id, "failed", str(exc))
        except Exception:  # of any kind: the other jobs must run
            log.exception("job %s (%s) failed", job.id, job.kind)
            self._jobs.end(job.id, "failed", "the job failed unexpectedly; the server's log has the cause")
        else:
            self._jobs.end(job.id, outcome.state, outcome.sentence)
        return True

    def _do(self, job: Job, progress: Progress) -> Outcome:
        kind = self._kinds.get(job.kind)
        if kind is None:
            raise VultusError(f"this Vultus knows no jobs of kind {job.kind!r}; install the newer one again")
        log.info("job %s (%s) begins", job.id, job.kind)
        return kind.run(job, progress)

    def _run(self) -> None:
        """Never ends by an error: a database that is locked or full for a while is asked again later."""
        unavailable = False
        while not self._stop.is_set():
            try:
                if unavailable:
                    self._led = False  # the end of a job could not be stored
                unavailable = False
                busy = self._take_over() and self.run_next()
            except StorageFailed as exc:
                log.warning("the jobs cannot be read or written: %s", exc)
                busy, unavailable = False, True
            if not busy:
                self._stop.wait(self._poll_seconds * (UNAVAILABLE_POLLS if unavailable else 1))

    def _take_over(self) -> bool:
        """Whether this runner leads; when it begins to, what was left running is queued again."""
        leads = self._jobs.leads()
        if leads and not self._led:
            self._jobs.resume_interrupted(self._lane)
        self._led = leads
        return leads
