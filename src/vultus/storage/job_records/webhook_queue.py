"""WebhookQueue: which jobs that have ended are still to be told, and how that went. Attempts are bounded.

An attempt is stored before it is made: so a process that dies in the middle of one does not make it for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from vultus.storage.database import Database
from vultus.storage.job_records.webhook_rows import due_webhook, update_webhook
from vultus.storage.jobs import JobDetails, JobStore

# Seconds after the first attempt, the second, ...: about 21 hours in all.
DELAYS = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800, 7200, 21_600, 43_200))


@dataclass(frozen=True)
class DueWebhook:
    """A message to send now. attempt: 1 for the first."""

    details: JobDetails
    address: str
    attempt: int


class WebhookQueue:
    """Every method may raise StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, now: datetime) -> DueWebhook | None:
        """The message that has been due the longest, whose next attempt is stored as begun; None: nothing is due."""
        with self._database.reading() as connection:  # first without the write lock, as mostly nothing is due
            if due_webhook(connection, now) is None:
                return None
        with self._database.writing() as connection:
            row = due_webhook(connection, now)
            if row is None:
                return None
            attempt = row.attempts + 1
            delay = DELAYS[min(attempt, len(DELAYS)) - 1]
            update_webhook(connection, row.job_pk, attempts=attempt, next_at=now + delay)
        return DueWebhook(JobStore(self._database).details(row.id), row.address, attempt)

    def store(self, sent: DueWebhook, status: int | None, problem: str | None, *, for_good: bool = False) -> None:
        """Store how an attempt went. problem: None: it was taken. for_good: no further attempt is wanted."""
        state = "delivered" if problem is None else "waiting"
        if problem is not None and (for_good or sent.attempt > len(DELAYS)):
            state = "given_up"
        with self._database.writing() as connection:
            number = sent.details.job.number
            update_webhook(connection, number, state=state, status=status, problem=problem)
