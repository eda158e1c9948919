"""POST /jobs: many photos of many people, enrolled in the background. Scope: enroll."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.body import fields_of_form, read_fields
from vultus.api.openapi import COMPUTE_ERRORS, form_and_json
from vultus.api.state import AppState, State
from vultus.api.streamed_form import receive_form
from vultus.errors import InvalidRequest
from vultus.outgoing.webhook_addresses import check_webhook
from vultus.records.stored import Job
from vultus.schemas.bulk_jobs import ArchiveFields, BulkFields, UrlFields
from vultus.schemas.field_types import FilePart, ImageLimits
from vultus.schemas.jobs import JobAnswer, job_answer
from vultus.service.bulk.bulk_items import BulkLimits
from vultus.service.bulk.bulk_requests import BulkOptions, UrlPhoto

router = APIRouter(tags=["jobs"], responses=COMPUTE_ERRORS)

MayCreate = Annotated[Caller, Security(Gate("enroll", action="job.create", changes=True))]
MULTIPART = "multipart/form-data"
EXAMPLE = {"images": [{"url": "https://example.com/anna.jpg", "subject": "anna-1", "name": "Anna"}]}


@router.post("/jobs", status_code=202, openapi_extra=form_and_json(ArchiveFields, UrlFields, EXAMPLE))
async def create_job(request: Request, caller: MayCreate, state: State) -> JobAnswer:
    """Enroll the photos of a ZIP archive, or those at a list of addresses, in the background.

    A folder of the archive is a subject, named by the id; or manifest.csv in it says whose each file is. Ask
    `GET /jobs/{job_id}` how far it is, and what became of each photo. The same photo of the same subject again changes
    nothing, so an archive may be sent again.

        curl -H "x-api-key: $KEY" -F zip=@people.zip http://127.0.0.1:8000/jobs
    """
    service = state.system().service.acting_as(caller.act)
    await state.run(service.bulk.require_place, state.settings.max_waiting_jobs)
    sent_form = request.headers.get("content-type", "").lower().startswith(MULTIPART)
    job = await (_from_archive if sent_form else _from_urls)(request, caller, state)
    caller.act.objects = (job.id,)
    return job_answer(job)


async def _from_archive(request: Request, caller: Caller, state: AppState) -> Job:
    with state.uploads.new() as file:
        parts = await receive_form(request, file, state)
        for name, value in parts:
            if isinstance(value, FilePart) != (name == "zip"):
                raise InvalidRequest('the archive is sent as the file of the field "zip", all other fields as text')
        plain = [(name, "" if isinstance(value, FilePart) else value) for name, value in parts]
        fields = fields_of_form(plain, ArchiveFields, ImageLimits(0, 0))
        options = _options(fields, caller, state)
        start = state.system().service.acting_as(caller.act).bulk.start_zip
        return await state.run(start, file, options, limits=_limits(state), uploads=state.uploads)


async def _from_urls(request: Request, caller: Caller, state: AppState) -> Job:
    if state.fetcher is None:
        raise InvalidRequest(
            "image URLs are off: the operator allows them by VULTUS_IMAGE_URLS; "
            'send an archive as the file of the field "zip"'
        )
    fields = await read_fields(request, UrlFields)
    options = _options(fields, caller, state)
    photos = [UrlPhoto(one.url, one.subject, one.name) for one in fields.images]
    start = state.system().service.acting_as(caller.act).bulk.start_urls
    return await state.run(start, photos, options, limits=_limits(state), uploads=state.uploads)


def _options(fields: BulkFields, caller: Caller, state: AppState) -> BulkOptions:
    """Raises CollectionNotAllowed; InvalidRequest, for a webhook that the operator does not allow."""
    caller.require_collection(fields.collection)
    webhook = fields.webhook
    if webhook is not None:
        webhook = check_webhook(webhook, state.settings.webhook_addresses)
    return BulkOptions(fields.collection, fields.face, fields.strict, fields.model_name, webhook)


def _limits(state: AppState) -> BulkLimits:
    settings = state.settings
    return BulkLimits(settings.max_job_items, settings.max_image_bytes, settings.max_job_unpacked_bytes)
