"""/jobs: the work in the background; list, show, cancel. Scope enroll: the key's own jobs; admin: all.

A limited key knows those of its collections.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Security
from pydantic import Field

from vultus.api.auth import Caller, Gate
from vultus.api.cursors import Page, decode_number_cursor, encode_cursor
from vultus.api.middleware.path_segments import IdPath
from vultus.api.openapi import RESOURCE_ERRORS
from vultus.api.state import State
from vultus.errors import NotFound
from vultus.records.stored import ItemOutcome, Job
from vultus.schemas.jobs import JobAnswer, JobDetailsAnswer, JobPage, job_answer, job_details_answer

router = APIRouter(tags=["jobs"], responses=RESOURCE_ERRORS)

MayRead = Annotated[Caller, Security(Gate("enroll"))]
MayCancel = Annotated[Caller, Security(Gate("enroll", action="job.cancel", changes=True))]


class ItemQuery(Page):
    """Which photos of a job, and which part of their list."""

    outcome: ItemOutcome | None = Field(None, description="Only photos with this outcome.")


@router.get("/jobs")
async def list_jobs(page: Annotated[Page, Query()], caller: MayRead, state: State) -> JobPage:
    """One page of the jobs, newest first: those that the key made, for an admin key all."""
    before = None if page.cursor is None else decode_number_cursor(page.cursor)
    only = None if caller.key is None else caller.key.collections
    known = state.system().service.jobs
    mine = _own_only(caller)
    jobs = await state.run(known.page, before=before, limit=page.limit + 1, collections=only, creator=mine)
    shown = jobs[: page.limit]
    return JobPage(
        jobs=[job_answer(job) for job in shown],
        next_cursor=encode_cursor(str(shown[-1].number)) if len(jobs) > page.limit else None,
    )


@router.get("/jobs/{job_id}")
async def get_job(
    job_id: IdPath, page: Annotated[ItemQuery, Query()], caller: MayRead, state: State
) -> JobDetailsAnswer:
    """One job with its progress, and one page of what became of its photos."""
    jobs = state.system().service.jobs
    found = await state.run(jobs.details, job_id)
    _require(caller, found.job)
    after = -1 if page.cursor is None else decode_number_cursor(page.cursor)
    items = await state.run(jobs.items, found.job, after=after, limit=page.limit + 1, outcome=page.outcome)
    following = encode_cursor(str(items[page.limit - 1].number)) if len(items) > page.limit else None
    return job_details_answer(found.job, found.counts, found.webhook, items[: page.limit], following)


@router.post("/jobs/{job_id}/cancel")
async def cancel_job(job_id: IdPath, caller: MayCancel, state: State) -> JobAnswer:
    """Cancel a job: at once while it is queued, after its present step when it runs. An ended one stays as it is."""
    jobs = state.system().service.acting_as(caller.act).jobs
    _require(caller, await state.run(jobs.job, job_id))
    caller.act.objects = (job_id,)
    return job_answer(await state.run(jobs.cancel, job_id))


def _own_only(caller: Caller) -> str | None:
    """Whose jobs a caller knows; None: everybody's."""
    return None if caller.key is None or "admin" in caller.key.scopes else caller.key.id


def _require(caller: Caller, job: Job) -> None:
    """Raises CollectionNotAllowed, when the key is limited to other collections; NotFound, for a job of another key."""
    mine = _own_only(caller)
    if mine is not None and job.creator != mine:
        raise NotFound("this key made no job of this id; list the jobs, or use the key that made it")
    if job.collection is None:
        caller.require_all_collections()
    else:
        caller.require_collection(job.collection)
