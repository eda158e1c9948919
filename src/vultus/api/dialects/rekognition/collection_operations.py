"""CreateCollection, DescribeCollection, ListCollections, DeleteCollection."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.rekognition import request_shapes as shapes
from vultus.api.dialects.rekognition.answer_shapes import model_version
from vultus.api.dialects.rekognition.failure_answers import AwsAnswer
from vultus.api.dialects.rekognition.operations import OperationRoute, read_shape
from vultus.api.dialects.rekognition.page_tokens import cursor_of, page_token
from vultus.api.dialects.rekognition.signatures import region_of
from vultus.api.state import State
from vultus.errors import CollectionExists, InvalidRequest
from vultus.identifiers import check_collection

MOST_IN_A_PAGE = 4096
ACCOUNT = "000000000000"
router = APIRouter(route_class=OperationRoute, default_response_class=AwsAnswer, include_in_schema=False)

MayCreate = Annotated[Caller, Security(Gate("enroll", action="rekognition.create_collection", changes=True))]
MayRead = Annotated[Caller, Security(Gate("read"))]
MayErase = Annotated[Caller, Security(Gate("erase", action="rekognition.delete_collection", changes=True))]


@router.post("/", name="CreateCollection", response_model=None)
async def create_collection(request: Request, caller: MayCreate, state: State) -> dict[str, Any]:
    """A new collection of the default model."""
    asked = await read_shape(request, shapes.CreateCollection)
    name = asked.collection_id
    try:
        check_collection(name)
    except ValueError as exc:
        raise InvalidRequest(f"CollectionId {exc}") from exc
    caller.require_collection(name)
    create = state.system().service.acting_as(caller.act).galleries.create_collection
    collection, created = await state.run(create, name)
    if not created:
        raise CollectionExists("a collection of this id exists; use it, delete it, or choose another id")
    arn = _arn(request, name)
    return {"StatusCode": 200, "CollectionArn": arn, "FaceModelVersion": model_version(collection)}


@router.post("/", name="DescribeCollection", response_model=None)
async def describe_collection(request: Request, caller: MayRead, state: State) -> dict[str, Any]:
    """How many faces and users a collection has."""
    name = (await read_shape(request, shapes.CollectionShape)).collection_id
    caller.require_collection(name)
    service = state.system().service
    collection = await state.run(service.galleries.collection, name)
    return {
        "FaceCount": collection.faces,
        "UserCount": await state.run(service.face_groups.count, collection),
        "FaceModelVersion": model_version(collection),
        "CollectionARN": _arn(request, name),
        "CreationTimestamp": collection.created_at.timestamp(),
    }


@router.post("/", name="ListCollections", response_model=None)
async def list_collection_ids(request: Request, caller: MayRead, state: State) -> dict[str, Any]:
    """One page of the collections that the key may use, by name."""
    asked = await read_shape(request, shapes.ListCollections)
    after = cursor_of(asked.next_token, "ListCollections") or ""
    everything = await state.run(state.system().service.galleries.collections)
    usable = [one for one in everything if caller.may_use(one.name) and one.name > after]
    page = usable[: asked.max_results or MOST_IN_A_PAGE]
    return {
        "CollectionIds": [one.name for one in page],
        "FaceModelVersions": [model_version(one) for one in page],
        **page_token(page[-1].name if len(page) < len(usable) else None, "ListCollections"),
    }


@router.post("/", name="DeleteCollection", response_model=None)
async def erase_collection(request: Request, caller: MayErase, state: State) -> dict[str, Any]:
    """Erase a collection with its users, faces and photos."""
    name = (await read_shape(request, shapes.CollectionShape)).collection_id
    caller.require_collection(name)
    await state.run(state.system().service.acting_as(caller.act).galleries.delete_collection, name)
    return {"StatusCode": 200}


def _arn(request: Request, name: str) -> str:
    region = region_of(request.headers.get("authorization", ""))
    return f"aws:rekognition:{region}:{ACCOUNT}:collection/{name}"
