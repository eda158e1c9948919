"""Subjects that may be one person. Scopes: read to GET, enroll to search for them and to dismiss a pair."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Security
from pydantic import BaseModel, ConfigDict, Field

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.middleware.path_segments import CollectionPath
from vultus.api.openapi import RESOURCE_ERRORS, only_json
from vultus.api.state import State
from vultus.schemas.duplicates import DismissedAnswer, DismissFields, DuplicatesAnswer, duplicates_answer
from vultus.schemas.field_types import PlainInteger
from vultus.schemas.jobs import JobAnswer, job_answer

router = APIRouter(tags=["review"], responses=RESOURCE_ERRORS)

MayRead = Annotated[Caller, Security(Gate("read"))]
MaySearch = Annotated[Caller, Security(Gate("enroll", action="duplicates", changes=True))]
MayDismiss = Annotated[Caller, Security(Gate("enroll", action="duplicates.dismiss", changes=True))]


class PairsQuery(BaseModel):
    """How many pairs."""

    model_config = ConfigDict(extra="forbid")

    limit: PlainInteger = Field(100, ge=1, le=500, description="Most pairs to answer.")


@router.post("/collections/{collection}/duplicates", status_code=202)
async def search_duplicates(collection: CollectionPath, caller: MaySearch, state: State) -> JobAnswer:
    """Queue a search of the whole collection for subjects that may be one person."""
    caller.require_collection(collection)
    return job_answer(await state.run(state.system().service.acting_as(caller.act).duplicates.start, collection))


@router.get("/collections/{collection}/duplicates")
async def list_duplicates(
    collection: CollectionPath, query: Annotated[PairsQuery, Query()], caller: MayRead, state: State
) -> DuplicatesAnswer:
    """What the last search found, the most alike first, and where the latest one stands."""
    caller.require_collection(collection)
    found = await state.run(state.system().service.duplicates.found, collection, limit=query.limit)
    return duplicates_answer(collection, found)


@router.post(
    "/collections/{collection}/duplicates/dismiss",
    openapi_extra=only_json(DismissFields, {"subject": "anna", "other": "annika"}),
)
async def dismiss_duplicate(
    request: Request, collection: CollectionPath, caller: MayDismiss, state: State
) -> DismissedAnswer:
    """Say that two subjects are different people: they are not listed again. Or take that back."""
    caller.require_collection(collection)
    fields = await read_fields(request, DismissFields)
    dismiss = state.system().service.acting_as(caller.act).duplicates.dismiss
    await state.run(dismiss, collection, fields.subject, fields.other, dismissed=fields.dismissed)
    return DismissedAnswer(subject=fields.subject, other=fields.other, dismissed=fields.dismissed)
