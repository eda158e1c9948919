"""Tells the addresses that jobs name when these have ended: ids, counts and times, no names and no images."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vultus.errors import InvalidRequest
from vultus.outgoing.webhook_addresses import check_webhook
from vultus.outgoing.webhook_sender import Answer, WebhookSender
from vultus.outgoing.webhook_signature import signed_headers
from vultus.storage.job_records.webhook_queue import DueWebhook, WebhookQueue
from vultus.storage.jobs import JobDetails

GONE = 410  # the receiver wants no more of it


@dataclass(frozen=True)
class Webhooks:
    """allowed: the addresses of the operator, by now: one that was taken off the list is told nothing.

    secrets: that sign. leads: whether this process does it, alone of all servers of the database.
    """

    queue: WebhookQueue
    sender: WebhookSender
    allowed: Sequence[str]
    secrets: Sequence[bytes]
    leads: Callable[[], bool]
    now: Callable[[], datetime]

    def step(self) -> bool:
        """Send one message that is due; whether there may be more. Raises StorageFailed."""
        due = self.queue.take(self.now()) if self.leads() else None
        if due is None:
            return False
        answer = self._sent(due)
        self.queue.store(due, answer.status, answer.problem, for_good=answer.status == GONE)
        return True

    def _sent(self, due: DueWebhook) -> Answer:
        try:
            check_webhook(due.address, self.allowed)
        except InvalidRequest:
            return Answer(GONE, "the operator no longer lists the address")
        job, now = due.details.job, self.now()
        body = message_of(due.details)
        return self.sender.post(due.address, body, signed_headers(f"job_{job.id}", now, body, self.secrets))


def message_of(details: JobDetails) -> bytes:
    """What is sent, the same with each attempt: type, moment, and the job with its counts."""
    job = details.job
    data: dict[str, Any] = {
        "job_id": job.id,
        "kind": job.kind,
        "collection": job.collection,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "counts": dict(details.counts),
    }
    times = {"created_at": job.created_at, "started_at": job.started_at, "ended_at": job.ended_at}
    data |= {name: None if at is None else at.isoformat() for name, at in times.items()}
    message = {"type": f"job.{job.state}", "timestamp": data["ended_at"], "data": data}
    return json.dumps(message, separators=(",", ":")).encode()
