"""Collections. Scopes: read to GET, enroll to PUT, erase to DELETE; admin to change their policies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response, Security

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.middleware.path_segments import CollectionPath
from vultus.api.openapi import COMPUTE_ERRORS, RESOURCE_ERRORS, only_json
from vultus.api.state import State
from vultus.records.stored import Collection
from vultus.schemas import resources
from vultus.schemas.resource_requests import CollectionChanges, CollectionFields
from vultus.service import FaceService

router = APIRouter(tags=["galleries"], responses=RESOURCE_ERRORS)

MayRead = Annotated[Caller, Security(Gate("read"))]
MayCreateCollection = Annotated[Caller, Security(Gate("enroll", action="collection.create", changes=True))]
MayChangePolicies = Annotated[Caller, Security(Gate("admin", action="collection.policy", changes=True))]
MayEraseCollection = Annotated[Caller, Security(Gate("erase", action="collection.erase", changes=True))]


@router.get("/collections")
async def list_collections(caller: MayRead, state: State) -> resources.CollectionList:
    """The collections that the key may use."""
    service = state.system().service
    collections = await state.run(service.galleries.collections)
    usable = [_answer(one, service) for one in collections if caller.may_use(one.name)]
    return resources.CollectionList(collections=usable)


@router.put(
    "/collections/{collection}",
    responses={201: {"model": resources.CollectionAnswer, "description": "It is new."}, 501: COMPUTE_ERRORS[501]},
    openapi_extra=only_json(CollectionFields, {}, required=False),
)
async def put_collection(
    request: Request, response: Response, collection: CollectionPath, caller: MayCreateCollection, state: State
) -> resources.CollectionAnswer:
    """Create a collection; 200 when it is there already with this model and, if they are sent, these policies."""
    caller.require_collection(collection)
    fields = await read_fields(request, CollectionFields)
    service = state.system().service.acting_as(caller.act)
    create, policies = service.galleries.create_collection, fields.wanted_policies()
    found, created = await state.run(create, collection, model_name=fields.model, policies=policies)
    response.status_code = 201 if created else 200
    return _answer(found, service)


@router.get("/collections/{collection}")
async def get_collection(collection: CollectionPath, caller: MayRead, state: State) -> resources.CollectionAnswer:
    """One collection, with the number of its subjects and faces, and how it is searched."""
    caller.require_collection(collection)
    service = state.system().service
    return _answer(await state.run(service.galleries.collection, collection), service)


@router.patch(
    "/collections/{collection}",
    openapi_extra=only_json(CollectionChanges, {"policies": {"min_quality": 40, "target_fpir": None}}),
)
async def patch_collection(
    request: Request, collection: CollectionPath, caller: MayChangePolicies, state: State
) -> resources.CollectionAnswer:
    """Change policies of a collection; what is not sent stays, null takes a policy away. Needs the scope `admin`."""
    caller.require_collection(collection)
    fields = await read_fields(request, CollectionChanges)
    service = state.system().service.acting_as(caller.act)
    return _answer(await state.run(service.galleries.change_policies, collection, fields.changes()), service)


@router.delete("/collections/{collection}")
async def delete_collection(
    collection: CollectionPath, caller: MayEraseCollection, state: State
) -> resources.DeletedCollection:
    """Erase a collection with all its subjects, faces and photos."""
    caller.require_collection(collection)
    deleted = await state.run(state.system().service.acting_as(caller.act).galleries.delete_collection, collection)
    counts = resources.RemovedSubjects(subjects=deleted.subjects, **resources.removed(deleted).model_dump())
    return resources.DeletedCollection(collection=collection, deleted=counts)


def _answer(collection: Collection, service: FaceService) -> resources.CollectionAnswer:
    return resources.collection_answer(collection, service.galleries.search_state(collection.name))
