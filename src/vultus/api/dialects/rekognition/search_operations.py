"""SearchFaces, SearchFacesByImage, SearchUsers, SearchUsersByImage."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.rekognition import request_shapes as shapes
from vultus.api.dialects.rekognition.answer_shapes import Json, bounding_box, detail, face, model_version, user, uuid_of
from vultus.api.dialects.rekognition.failure_answers import AwsAnswer
from vultus.api.dialects.rekognition.image_operations import good_enough, largest_of
from vultus.api.dialects.rekognition.operations import OperationRoute, read_shape
from vultus.api.state import State
from vultus.records.stored import Collection
from vultus.service import FaceService
from vultus.service.loose_faces.described import DescribedFace
from vultus.service.loose_faces.face_lists import FaceLine, SubjectLine

AUDITED = 5  # faces of a search
router = APIRouter(route_class=OperationRoute, default_response_class=AwsAnswer, include_in_schema=False)

MaySearch = Annotated[Caller, Security(Gate("find", action="rekognition.search_faces"))]
MaySearchUsers = Annotated[Caller, Security(Gate("find", action="rekognition.search_users"))]


@router.post("/", name="SearchFaces", response_model=None)
async def search_faces(request: Request, caller: MaySearch, state: State) -> dict[str, Any]:
    """The faces most alike to an enrolled one."""
    asked = await read_shape(request, shapes.SearchFaces)
    caller.require_collection(asked.collection_id)
    service = state.system().service.acting_as(caller.act)
    collection = await state.run(service.context.gallery.binding, asked.collection_id)
    search = partial(service.face_lists.faces_like_face, asked.face_id, collection=asked.collection_id)
    lines = await state.run(search, least=asked.face_match_threshold, most=asked.max_faces)
    return {"SearchedFaceId": uuid_of(asked.face_id), **_face_matches(caller, collection, lines)}


@router.post("/", name="SearchFacesByImage", response_model=None)
async def search_faces_by_image(request: Request, caller: MaySearch, state: State) -> dict[str, Any]:
    """The faces most alike to the largest one of an image."""
    asked = await read_shape(request, shapes.SearchFacesByImage)
    caller.require_collection(asked.collection_id)
    service = state.system().service.acting_as(caller.act)
    collection = await state.run(service.context.gallery.binding, asked.collection_id)
    represent = partial(service.descriptions.represent, collection=asked.collection_id)
    seen = good_enough(service, await state.run(represent, asked.image.content), asked.quality_filter)
    largest = largest_of(seen, "Image")
    search = partial(service.face_lists.faces_like, largest, collection=asked.collection_id)
    lines = await state.run(search, least=asked.face_match_threshold, most=asked.max_faces)
    return {
        "SearchedFaceBoundingBox": bounding_box(largest.face.box, largest.size),
        "SearchedFaceConfidence": largest.face.score * 100,
        **_face_matches(caller, collection, lines),
    }


def _face_matches(caller: Caller, collection: Collection, lines: Iterable[FaceLine]) -> Json:
    found, version = list(lines), model_version(collection)
    caller.act.objects = tuple(line.face.id for line in found[:AUDITED])
    return {
        "FaceMatches": [{"Similarity": line.percent, "Face": face(line.face, version)} for line in found],
        "FaceModelVersion": version,
    }


@router.post("/", name="SearchUsers", response_model=None)
async def search_users(request: Request, caller: MaySearchUsers, state: State) -> dict[str, Any]:
    """The users most alike to another one, or to an enrolled face."""
    asked = await read_shape(request, shapes.SearchUsers)
    caller.require_collection(asked.collection_id)
    service = state.system().service.acting_as(caller.act)
    collection = await state.run(service.context.gallery.binding, asked.collection_id)
    of: dict[str, Any] = {"collection": asked.collection_id, "least": asked.user_match_threshold}
    if asked.user_id is not None:
        search = partial(service.face_lists.subjects_like_subject, asked.user_id, **of)
        searched: Json = {"SearchedUser": {"UserId": asked.user_id}}
    else:
        search = partial(service.face_lists.subjects_like_face, asked.face_id or "", **of)
        searched = {"SearchedFace": {"FaceId": uuid_of(asked.face_id or "")}}
    lines = await state.run(search, most=asked.max_users)
    return {**_user_matches(collection, lines), **searched}


@router.post("/", name="SearchUsersByImage", response_model=None)
async def search_users_by_image(request: Request, caller: MaySearchUsers, state: State) -> dict[str, Any]:
    """The users most alike to the largest face of an image; none where it shows no face."""
    asked = await read_shape(request, shapes.SearchUsersByImage)
    caller.require_collection(asked.collection_id)
    service = state.system().service.acting_as(caller.act)
    collection = await state.run(service.context.gallery.binding, asked.collection_id)
    represent = partial(service.descriptions.represent, collection=asked.collection_id)
    seen = await state.run(represent, asked.image.content)
    good = good_enough(service, seen, asked.quality_filter)
    answer: Json = {"UserMatches": [], "FaceModelVersion": model_version(collection)}
    if good:
        answer = await state.run(_users_of, service, collection, good[0], asked)
        answer["SearchedFace"] = {"FaceDetail": detail(good[0])}
    others = [one for one in seen if one is not (good[0] if good else None)]
    reasons = {id(one): "FACE_NOT_LARGEST" if one in good else "LOW_FACE_QUALITY" for one in others}
    unsearched = [{"FaceDetails": detail(one), "Reasons": [reasons[id(one)]]} for one in others]
    return {**answer, "UnsearchedFaces": unsearched}


def _users_of(
    service: FaceService, collection: Collection, probe: DescribedFace, asked: shapes.SearchUsersByImage
) -> Json:
    search = partial(service.face_lists.subjects_like, probe, collection=collection.name)
    return _user_matches(collection, search(least=asked.user_match_threshold, most=asked.max_users))


def _user_matches(collection: Collection, lines: Iterable[SubjectLine]) -> Json:
    matches = [{"Similarity": line.percent, "User": user(line.subject, 1)} for line in lines]
    return {"UserMatches": matches, "FaceModelVersion": model_version(collection)}
