"""CreateUser, DeleteUser, ListUsers, AssociateFaces, DisassociateFaces: users are subjects, groups of faces."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import Annotated, Any

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.rekognition import request_shapes as shapes
from vultus.api.dialects.rekognition.answer_shapes import Json, status_of, user, uuid_of
from vultus.api.dialects.rekognition.failure_answers import AwsAnswer
from vultus.api.dialects.rekognition.operations import OperationRoute, read_shape
from vultus.api.dialects.rekognition.page_tokens import cursor_of, page_token
from vultus.api.dialects.rekognition.repeats import once
from vultus.api.state import State
from vultus.errors import SubjectExists, SubjectNotFound
from vultus.service.loose_faces.face_groups import Unchanged

WHY = {
    "not_found": "FACE_NOT_FOUND",
    "of_another": "ASSOCIATED_TO_A_DIFFERENT_USER",
    "unlike": "LOW_MATCH_CONFIDENCE",
}
router = APIRouter(route_class=OperationRoute, default_response_class=AwsAnswer, include_in_schema=False)

MayCreate = Annotated[Caller, Security(Gate("enroll", action="rekognition.create_user", changes=True))]
MayDelete = Annotated[Caller, Security(Gate("erase", action="rekognition.delete_user", changes=True))]
MayAssociate = Annotated[Caller, Security(Gate("enroll", action="rekognition.associate_faces", changes=True))]
MayDisassociate = Annotated[Caller, Security(Gate("enroll", action="rekognition.disassociate_faces", changes=True))]
MayRead = Annotated[Caller, Security(Gate("read"))]


@router.post("/", name="CreateUser", response_model=None)
async def create_user(request: Request, caller: MayCreate, state: State) -> dict[str, Any]:
    """A user without faces."""
    asked = await read_shape(request, shapes.UserShape)
    caller.require_collection(asked.collection_id)
    groups = state.system().service.acting_as(caller.act).face_groups
    async with once(state, caller, "CreateUser", asked) as again:
        with suppress(SubjectExists) if again else nullcontext():
            await state.run(groups.create, asked.collection_id, asked.user_id)
    return {}


@router.post("/", name="DeleteUser", response_model=None)
async def delete_user(request: Request, caller: MayDelete, state: State) -> dict[str, Any]:
    """Remove a user; the faces stay in the collection."""
    asked = await read_shape(request, shapes.UserShape)
    caller.require_collection(asked.collection_id)
    groups = state.system().service.acting_as(caller.act).face_groups
    async with once(state, caller, "DeleteUser", asked) as again:
        with suppress(SubjectNotFound) if again else nullcontext():
            await state.run(groups.delete, asked.collection_id, asked.user_id)
    return {}


@router.post("/", name="ListUsers", response_model=None)
async def list_users(request: Request, caller: MayRead, state: State) -> dict[str, Any]:
    """One page of the users, by id."""
    asked = await read_shape(request, shapes.ListUsers)
    caller.require_collection(asked.collection_id)
    after = cursor_of(asked.next_token, "ListUsers", asked.collection_id)
    groups = state.system().service.face_groups
    page, following = await state.run(groups.subjects, asked.collection_id, after=after, limit=asked.max_results)
    return {
        "Users": [user(one.id, one.faces) for one in page],
        **page_token(following, "ListUsers", asked.collection_id),
    }


@router.post("/", name="AssociateFaces", response_model=None)
async def associate_faces(request: Request, caller: MayAssociate, state: State) -> dict[str, Any]:
    """Put faces into a user, each that is alike enough to those that it has by then."""
    asked = await read_shape(request, shapes.AssociateFaces)
    caller.require_collection(asked.collection_id)
    groups = state.system().service.acting_as(caller.act).face_groups
    least = asked.user_match_threshold
    async with once(state, caller, "AssociateFaces", asked) as again:
        result = await state.run(
            groups.add, asked.collection_id, asked.user_id, asked.face_ids, least=least, again=again
        )
    return {
        "AssociatedFaces": [{"FaceId": uuid_of(one)} for one in result.done],
        "UnsuccessfulFaceAssociations": [_unchanged(one) for one in result.unchanged],
        "UserStatus": status_of(result.faces),
    }


@router.post("/", name="DisassociateFaces", response_model=None)
async def disassociate_faces(request: Request, caller: MayDisassociate, state: State) -> dict[str, Any]:
    """Take faces out of a user; they stay in the collection."""
    asked = await read_shape(request, shapes.DisassociateFaces)
    caller.require_collection(asked.collection_id)
    groups = state.system().service.acting_as(caller.act).face_groups
    async with once(state, caller, "DisassociateFaces", asked) as again:
        result = await state.run(groups.remove, asked.collection_id, asked.user_id, asked.face_ids, again=again)
    return {
        "DisassociatedFaces": [{"FaceId": uuid_of(one)} for one in result.done],
        "UnsuccessfulFaceDisassociations": [_unchanged(one) for one in result.unchanged],
        "UserStatus": status_of(result.faces),
    }


def _unchanged(one: Unchanged) -> Json:
    answer: Json = {"FaceId": uuid_of(one.face_id), "Reasons": [WHY[one.why]]}
    if one.subject is not None:
        answer["UserId"] = one.subject
    if one.percent is not None:
        answer["Confidence"] = one.percent
    return answer
