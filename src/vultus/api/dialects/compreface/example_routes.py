"""/api/v1/recognition/faces: the examples of subjects, which are the enrolled faces of the key's collection."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.bound_collection import bound_collection
from vultus.api.dialects.compreface.bodies import new_subject, read_face_ids, read_photo
from vultus.api.dialects.compreface.call_options import (
    MOST_FACES_A_PAGE,
    at_least,
    face_id_of,
    image_id_of,
    read_options,
    whole_number,
)
from vultus.api.dialects.compreface.prefix import PREFIX
from vultus.api.dialects.compreface.refusals import MissingParameter
from vultus.api.dialects.compreface.subject_routes import forget_all
from vultus.api.state import AppState, State
from vultus.errors import CollectionNotFound, FaceNotFound, NotFound, SubjectNotFound
from vultus.records.stored import EnrolledFace
from vultus.service import FaceService

FACES_A_PAGE = 20
router = APIRouter(prefix=f"{PREFIX}/recognition/faces", include_in_schema=False)

MayRead = Annotated[Caller, Security(Gate("read"))]
MayReadPhoto = Annotated[Caller, Security(Gate("read", action="compreface.face.photo"))]
MayAdd = Annotated[Caller, Security(Gate("enroll", action="compreface.face.add", changes=True))]
MayErase = Annotated[Caller, Security(Gate("erase", action="compreface.face.erase", changes=True))]


@router.post("", status_code=201)
async def add_example(request: Request, caller: MayAdd, state: State) -> dict[str, Any]:
    """Enroll the one face of a photo; the subject is made when new. The same photo again is the same example."""
    collection = bound_collection(caller)
    given = request.query_params.get("subject")
    if given is None or not given.strip():
        raise MissingParameter("Required parameter 'subject' is not present")
    subject, least = new_subject(given.strip()), read_options(request.query_params).least_detection
    photo = await read_photo(request)
    service = state.system().service.acting_as(caller.act)
    face = await state.run(_enroll, service, collection, subject, photo, least)
    caller.act.objects = (face.id,)
    return _example(face.id, face.subject)


@router.get("")
async def list_examples(request: Request, caller: MayRead, state: State) -> dict[str, Any]:
    """One page of the examples, of all subjects or of one."""
    collection, query = bound_collection(caller), request.query_params
    page = at_least(whole_number(query, "page", 0), "page", 0)
    size = min(at_least(whole_number(query, "size", FACES_A_PAGE), "size", 1), MOST_FACES_A_PAGE)
    asked: dict[str, Any] = {"subject": query.get("subject") or None, "skip": page * size, "limit": size}
    try:
        faces, total = await state.run(state.system().service.galleries.face_names, collection, **asked)
    except CollectionNotFound:
        faces, total = (), 0
    return {
        "faces": [_example(*face) for face in faces],
        "page_number": page,
        "page_size": size,
        "total_pages": -(-total // size),
        "total_elements": total,
    }


@router.delete("")
async def delete_examples(request: Request, caller: MayErase, state: State) -> dict[str, Any]:
    """Erase a subject with its examples, or all subjects; how many examples there were."""
    collection, subject = bound_collection(caller), request.query_params.get("subject") or None
    service = state.system().service.acting_as(caller.act)
    return {"deleted": await state.run(_forget, service, collection, subject)}


@router.post("/delete")
async def delete_many(request: Request, caller: MayErase, state: State) -> list[dict[str, Any]]:
    """Erase the examples of these ids; those that there are."""
    collection, deleted = bound_collection(caller), []
    for face_id in await read_face_ids(request):
        try:
            deleted.append(await _delete(face_id, collection, caller, state))
        except FaceNotFound:
            continue
    return deleted


@router.delete("/{image_id}")
async def delete_example(image_id: str, caller: MayErase, state: State) -> dict[str, Any]:
    """Erase one example."""
    return await _delete(face_id_of(image_id), bound_collection(caller), caller, state)


@router.get("/{image_id}/img")
async def example_photo(image_id: str, caller: MayReadPhoto, state: State) -> Response:
    """The stored photo, a JPEG; empty where there is none."""
    galleries, photo = state.system().service.galleries, b""
    try:
        face = await own_face(face_id_of(image_id), bound_collection(caller), state)
        caller.act.objects = (face.id,)
        photo = await state.run(galleries.face_photo, face.id)
    except NotFound:
        pass
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(photo, media_type="application/octet-stream", headers=headers)


async def own_face(face_id: str, collection: str, state: AppState) -> EnrolledFace:
    """A face of the key's collection. Raises FaceNotFound, also for one of another collection."""
    return await state.run(state.system().service.galleries.face_of, collection, face_id)


async def _delete(face_id: str, collection: str, caller: Caller, state: AppState) -> dict[str, Any]:
    face = await own_face(face_id, collection, state)
    await state.run(state.system().service.acting_as(caller.act).galleries.delete_face, face_id)
    return _example(face.id, face.subject)


def _enroll(service: FaceService, collection: str, subject: str, photo: bytes, least_detection: float) -> EnrolledFace:
    enrolled = service.enrolment.enroll(
        [photo], collection=collection, subject=subject, least_detection=least_detection
    )
    return enrolled.faces[0].face


def _forget(service: FaceService, collection: str, subject: str | None) -> int:
    if subject is None:
        return forget_all(service, collection)[1]
    try:
        return service.galleries.forget(collection, subject).faces
    except (CollectionNotFound, SubjectNotFound):
        return 0


def _example(face_id: str, subject: str) -> dict[str, Any]:
    return {"image_id": image_id_of(face_id), "subject": subject}
