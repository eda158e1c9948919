"""/jobs, for admins: the work in the background; list, show, cancel. A limited key knows those of its collections."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Security

from vultus.api.auth import Caller, Gate
from vultus.api.cursors import Page, decode_number_cursor, encode_cursor
from vultus.api.middleware.path_segments import IdPath
from vultus.api.openapi import RESOURCE_ERRORS
from vultus.api.state import State
from vultus.records.stored import Job
from vultus.schemas.jobs import JobAnswer, JobPage, job_answer

router = APIRouter(tags=["jobs"], responses=RESOURCE_ERRORS)

MayRead = Annotated[Caller, Security(Gate("admin"))]
MayCancel = Annotated[Caller, Security(Gate("admin", action="job.cancel", changes=True))]


@router.get("/jobs")
async def list_jobs(page: Annotated[Page, Query()], caller: MayRead, state: State) -> JobPage:
    """One page of the jobs, newest first."""
    before = None if page.cursor is None else decode_number_cursor(page.cursor)
    only = None if caller.key is None else caller.key.collections
    known = state.system().service.jobs
    jobs = await state.run(known.page, before=before, limit=page.limit + 1, collections=only)
    shown = jobs[: page.limit]
    return JobPage(
        jobs=[job_answer(job) for job in shown],
        next_cursor=encode_cursor(str(shown[-1].number)) if len(jobs) > page.limit else None,
    )


@router.get("/jobs/{job_id}")
async def get_job(job_id: IdPath, caller: MayRead, state: State) -> JobAnswer:
    """One job, with its progress."""
    job = await state.run(state.system().service.jobs.job, job_id)
    _require(caller, job)
    return job_answer(job)


@router.post("/jobs/{job_id}/cancel")
async def cancel_job(job_id: IdPath, caller: MayCancel, state: State) -> JobAnswer:
    """Cancel a job: at once while it is queued, after its present step when it runs. An ended one stays as it is."""
    jobs = state.system().service.acting_as(caller.act).jobs
    _require(caller, await state.run(jobs.job, job_id))
    caller.act.objects = (job_id,)
    return job_answer(await state.run(jobs.cancel, job_id))


def _require(caller: Caller, job: Job) -> None:
    """Raises CollectionNotAllowed, when the key is limited to other collections."""
    if job.collection is None:
        caller.require_all_collections()
    else:
        caller.require_collection(job.collection)
