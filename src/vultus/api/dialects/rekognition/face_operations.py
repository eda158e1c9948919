"""IndexFaces, ListFaces, DeleteFaces."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.rekognition import request_shapes as shapes
from vultus.api.dialects.rekognition.answer_shapes import Json, detail, face, model_version, reasons, uuid_of
from vultus.api.dialects.rekognition.failure_answers import AwsAnswer
from vultus.api.dialects.rekognition.operations import OperationRoute, read_shape
from vultus.api.dialects.rekognition.page_tokens import number_of, page_token
from vultus.api.state import State
from vultus.records.stored import EnrolledFace
from vultus.service import FaceService
from vultus.service.loose_faces.face_groups import Unchanged
from vultus.service.loose_faces.indexing import LeftOut

MOST_IN_A_PAGE = 4096
NOT_ERASED = {"not_found": "FACE_NOT_FOUND", "of_a_group": "ASSOCIATED_TO_AN_EXISTING_USER"}
router = APIRouter(route_class=OperationRoute, default_response_class=AwsAnswer, include_in_schema=False)

MayIndex = Annotated[Caller, Security(Gate("enroll", action="rekognition.index_faces", changes=True))]
MayRead = Annotated[Caller, Security(Gate("read"))]
MayErase = Annotated[Caller, Security(Gate("erase", action="rekognition.delete_faces", changes=True))]


@router.post("/", name="IndexFaces", response_model=None)
async def index_faces(request: Request, caller: MayIndex, state: State) -> dict[str, Any]:
    """Enroll the faces of an image, largest first; those left out are listed with the reasons."""
    asked = await read_shape(request, shapes.IndexFaces)
    caller.require_collection(asked.collection_id)
    service = state.system().service.acting_as(caller.act)
    floor = shapes.QUALITY[asked.quality_filter]
    indexed = await state.run(
        service.indexing.index,
        asked.image.content,
        collection=asked.collection_id,
        external_id=asked.external_image_id,
        most=asked.max_faces,
        floor=service.context.policy.min_quality if floor is None else floor,
    )
    caller.act.objects = tuple(one.stored.id for one in indexed.faces)
    version = model_version(indexed.collection)
    return {
        "FaceRecords": [{"Face": face(one.stored, version), "FaceDetail": detail(one.seen)} for one in indexed.faces],
        "UnindexedFaces": [{"FaceDetail": detail(one.seen), "Reasons": _reasons(one)} for one in indexed.left_out],
        "FaceModelVersion": version,
    }


def _reasons(left: LeftOut) -> list[str]:
    return ["EXCEEDS_MAX_FACES"] if left.too_many else reasons(left.seen.quality)


@router.post("/", name="ListFaces", response_model=None)
async def list_face_records(request: Request, caller: MayRead, state: State) -> dict[str, Any]:
    """One page of the faces of a collection, of a user, or of those named."""
    asked = await read_shape(request, shapes.ListFaces)
    caller.require_collection(asked.collection_id)
    service = state.system().service
    collection = await state.run(service.context.gallery.binding, asked.collection_id)
    of = ("ListFaces", asked.collection_id, asked.user_id, *(asked.face_ids or ()))
    after, limit = number_of(asked.next_token, *of), asked.max_results or MOST_IN_A_PAGE
    faces, following = await state.run(_page, service, asked, after, limit)
    version = model_version(collection)
    return {
        "Faces": [face(one, version) for one in faces],
        "FaceModelVersion": version,
        **page_token(following, *of),
    }


def _page(
    service: FaceService, asked: shapes.ListFaces, after: int, limit: int
) -> tuple[tuple[EnrolledFace, ...], int | None]:
    """One page, and the cursor of the next: of all faces a number of theirs, else how many were before."""
    name = asked.collection_id
    if asked.user_id is None and asked.face_ids is None:
        return service.galleries.faces(name, cursor=after, limit=limit)
    if asked.user_id is not None:
        faces = list(service.galleries.subject_faces(name, asked.user_id))
        faces = [one for one in faces if asked.face_ids is None or one.id in asked.face_ids]
    else:
        found = service.context.gallery.faces_by_id(name, asked.face_ids or ())
        faces = [found[one] for one in dict.fromkeys(asked.face_ids or ()) if one in found]
    end = after + limit
    return tuple(faces[after:end]), end if len(faces) > end else None


@router.post("/", name="DeleteFaces", response_model=None)
async def erase_faces(request: Request, caller: MayErase, state: State) -> dict[str, Any]:
    """Erase faces that are of no user."""
    asked = await read_shape(request, shapes.DeleteFaces)
    caller.require_collection(asked.collection_id)
    service = state.system().service.acting_as(caller.act)
    result, _ = await state.run(service.face_groups.erase_faces, asked.collection_id, asked.face_ids)
    return {
        "DeletedFaces": [uuid_of(one) for one in result.done],
        "UnsuccessfulFaceDeletions": [_not_erased(one) for one in result.unchanged],
    }


def _not_erased(one: Unchanged) -> Json:
    of_user = {} if one.subject is None else {"UserId": one.subject}
    return {"FaceId": uuid_of(one.face_id), "Reasons": [NOT_ERASED[one.why]], **of_user}
