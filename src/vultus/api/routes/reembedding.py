"""/collections/{collection}/reembed, for admins: embed a collection again by another model or version, in a job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.cursors import Page, decode_number_cursor, encode_cursor
from vultus.api.middleware.path_segments import CollectionPath
from vultus.api.openapi import COMPUTE_ERRORS, RESOURCE_ERRORS, only_json
from vultus.api.state import State
from vultus.records.embedding_spaces import Reembedding
from vultus.schemas.jobs import JobAnswer, job_answer
from vultus.schemas.reembedding import ReembeddingAnswer, ReembedFields, reembedding_answer

router = APIRouter(tags=["jobs"], responses=RESOURCE_ERRORS)

MayRead = Annotated[Caller, Security(Gate("admin"))]
MayReembed = Annotated[Caller, Security(Gate("admin", action="reembed", changes=True))]
MayFinish = Annotated[Caller, Security(Gate("admin", action="reembed.finish", changes=True))]
MayAbandon = Annotated[Caller, Security(Gate("admin", action="reembed.abandon", changes=True))]


@router.post(
    "/collections/{collection}/reembed",
    status_code=202,
    responses={501: COMPUTE_ERRORS[501]},
    openapi_extra=only_json(ReembedFields, {}, required=False),
)
async def start_reembedding(
    request: Request, collection: CollectionPath, caller: MayReembed, state: State
) -> JobAnswer:
    """Queue it. Until it ends, everything goes on with the present embeddings; then it switches in one transaction."""
    caller.require_collection(collection)
    fields = await read_fields(request, ReembedFields)
    start = state.system().service.acting_as(caller.act).reembedding.start
    return job_answer(await state.run(start, collection, model_name=fields.model, drop_missing=fields.drop_missing))


@router.get("/collections/{collection}/reembed")
async def get_reembedding(
    collection: CollectionPath, page: Annotated[Page, Query()], caller: MayRead, state: State
) -> ReembeddingAnswer:
    """Where it stands, with one page of the faces that it cannot embed, or that were left out."""
    caller.require_collection(collection)
    after = 0 if page.cursor is None else decode_number_cursor(page.cursor)
    status = state.system().service.reembedding.status
    return _answer(await state.run(status, collection, after=after, limit=page.limit))


@router.post("/collections/{collection}/reembed/finish")
async def finish_reembedding(collection: CollectionPath, caller: MayFinish, state: State) -> ReembeddingAnswer:
    """Erase the former embeddings after the switch; there is no way back then."""
    caller.require_collection(collection)
    return _answer(await state.run(state.system().service.acting_as(caller.act).reembedding.finish, collection))


@router.post("/collections/{collection}/reembed/abandon")
async def abandon_reembedding(collection: CollectionPath, caller: MayAbandon, state: State) -> ReembeddingAnswer:
    """Give it up before the switch; after it, go back to the former embeddings by a job."""
    caller.require_collection(collection)
    return _answer(await state.run(state.system().service.acting_as(caller.act).reembedding.abandon, collection))


def _answer(found: Reembedding) -> ReembeddingAnswer:
    following = found.next_missing
    return reembedding_answer(found, None if following is None else encode_cursor(str(following)))
