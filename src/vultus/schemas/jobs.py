"""Jobs in the background: the answers about them, and the converters."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, Field

from vultus.records.stored import Job, JobState


class JobAnswer(BaseModel):
    job_id: str
    kind: str = Field(description="What it does.")
    collection: str | None
    state: JobState = Field(
        description="waiting: it ended short of its end, and somebody must decide how it goes on; see problem."
    )
    cancelling: bool = Field(description="It runs, and stops after its present step.")
    done: int = Field(description="How many of total; faces, for a re-embedding.")
    total: int = Field(description="0 before it began.")
    problem: str | None = Field(description="Why it failed or waits.")
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None


class JobPage(BaseModel):
    jobs: list[JobAnswer]
    next_cursor: str | None = Field(description="Send it as cursor for the next page; null at the end.")


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
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
    )
