"""Jobs in the background: the answers about them, and the converters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import AwareDatetime, BaseModel, Field

from vultus.records.stored import ItemOutcome, Job, JobItem, JobState, Webhook, WebhookState


class JobAnswer(BaseModel):
    job_id: str
    kind: str = Field(description="What it does: enroll, or reembed.")
    collection: str | None
    state: JobState = Field(
        description="waiting: it ended short of its end, and somebody must decide how it goes on; see problem."
    )
    cancelling: bool = Field(description="It runs, and stops after its present step.")
    done: int = Field(description="How many of total; photos, or faces for a re-embedding.")
    total: int = Field(description="0 before a re-embedding began.")
    problem: str | None = Field(description="Why it failed or waits.")
    created_by: str | None = Field(description="The id of the key that made it; command or server for their own jobs.")
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None


class JobPage(BaseModel):
    jobs: list[JobAnswer]
    next_cursor: str | None = Field(description="Send it as cursor for the next page; null at the end.")


class JobCounts(BaseModel):
    enrolled: int = Field(description="Photos that gave a new face.")
    already_enrolled: int = Field(description="Photos that their subject had already.")
    refused: int
    erased: int = Field(description="Photos of persons, or of faces, that were erased since; nothing else is known.")


class JobItemAnswer(BaseModel):
    number: int = Field(description="Its place in the archive or the list, from 0.")
    file: str = Field(description="Its name in the archive, or its address.")
    subject: str | None
    outcome: ItemOutcome
    face_id: str | None
    error: str | None = Field(description="Of a refusal: its code.")
    detail: str | None = Field(description="Of a refusal: a sentence.")
    cautions: list[str] = Field(description="The codes of cautions about an enrolled photo.")


class WebhookAnswer(BaseModel):
    address: str
    state: WebhookState = Field(description="waiting: for the end of the job, or for the next attempt.")
    attempts: int
    next_at: AwareDatetime | None = Field(description="Of a job that has ended: when it is told next.")
    status: int | None = Field(description="The HTTP status of the last answer.")
    problem: str | None = Field(description="Why the last attempt failed.")


class JobDetailsAnswer(JobAnswer):
    counts: JobCounts
    items: list[JobItemAnswer] = Field(description="One page of what became of the photos, in their order.")
    next_cursor: str | None = Field(description="Send it as cursor for the next page of items; null at the end.")
    webhook: WebhookAnswer | None


def job_answer(job: Job) -> JobAnswer:
    return JobAnswer(
        job_id=job.id,
        kind=job.kind,
        collection=job.collection,
        state=job.state,
        cancelling=job.cancelling,
        done=job.done,
        total=job.total,
        problem=job.problem,
        created_by=job.creator,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
    )


def job_details_answer(
    job: Job, counts: Mapping[str, int], webhook: Webhook | None, items: Sequence[JobItem], next_cursor: str | None
) -> JobDetailsAnswer:
    """next_cursor: of the items."""
    return JobDetailsAnswer(
        **dict(job_answer(job)),
        counts=JobCounts(**{name: counts.get(name, 0) for name in JobCounts.model_fields}),
        items=[_item_answer(item) for item in items],
        next_cursor=next_cursor,
        webhook=None if webhook is None else WebhookAnswer(**vars(webhook)),
    )


def _item_answer(item: JobItem) -> JobItemAnswer:
    return JobItemAnswer(**{**vars(item), "cautions": list(item.cautions)})
