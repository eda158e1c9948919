"""/deepface: /register, /search, /build/index, and beyond DeepFace: /faces lists and erases what is registered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, Security

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.cursors import Page, decode_number_cursor, encode_cursor
from vultus.api.dialects.bound_collection import bound_collection
from vultus.api.dialects.deepface import answers, registration
from vultus.api.dialects.deepface.anti_spoofing import liveness_options
from vultus.api.dialects.deepface.fields import FaceQuery, IndexFields, RegisterFields, SearchFields
from vultus.api.dialects.deepface.not_offered import NothingRegistered
from vultus.api.dialects.deepface.photo_routes import PREFIX
from vultus.api.state import AppState, State
from vultus.errors import CollectionNotFound, NoFaceDetected
from vultus.records.answers import FindResult
from vultus.service.deciding.decided import of_search

router = APIRouter(prefix=PREFIX, include_in_schema=False)

MayRegister = Annotated[Caller, Security(Gate("enroll", action="deepface.register", changes=True))]
MaySearch = Annotated[Caller, Security(Gate("find", action="deepface.search"))]
MayIndex = Annotated[Caller, Security(Gate("find", action="deepface.index"))]
MayRead = Annotated[Caller, Security(Gate("read"))]
MayErase = Annotated[Caller, Security(Gate("erase", action="deepface.erase", changes=True))]


@router.post("/register")
async def deepface_register(request: Request, caller: MayRegister, state: State) -> dict[str, Any]:
    """Enroll the faces of an image under img_name; `inserted` counts those that were not there yet."""
    fields = await read_fields(request, RegisterFields)
    collection, service = bound_collection(caller), state.system().service.acting_as(caller.act)
    try:
        photos = await state.run(registration.register, service, fields, collection)
    except NoFaceDetected:
        if fields.needs_face:
            raise
        return {"inserted": 0}
    caller.act.objects = tuple(photo.face.id for photo in photos)
    return {"inserted": sum(photo.created for photo in photos)}


@router.post("/search")
async def deepface_search(request: Request, response: Response, caller: MaySearch, state: State) -> dict[str, Any]:
    """For each face of an image the registered faces of the same person, best first."""
    fields = await read_fields(request, SearchFields)
    collection = bound_collection(caller)
    try:
        result = await _found(fields, collection, caller, state)
    except NoFaceDetected:
        if fields.needs_face:
            raise
        return {"results": [[]]}
    response.headers["x-faces-found"] = str(result.found)
    table = state.system().service.context.models.served(result.collection.model_id).thresholds()
    return {"results": answers.found(result, fields, table)}


async def _found(fields: SearchFields, collection: str, caller: Caller, state: AppState) -> FindResult:
    service = state.system().service.acting_as(caller.act)
    try:
        result = await state.run(
            service.identification.find,
            fields.img,
            collection=collection,
            top_k=fields.most,
            faces="all",
            model_name=fields.model_name,
            detector=fields.detector,
            **liveness_options(fields.anti_spoofing),
        )
    except CollectionNotFound as exc:
        raise NothingRegistered from exc
    if not result.collection.faces:
        raise NothingRegistered
    matched = (face.matches[0] for face in result.faces if face.decision == "match")
    caller.act.objects = tuple(match.candidate.face_id for match in matched)
    caller.act.decisions = of_search(result)
    return result


@router.post("/build/index")
async def deepface_build_index(request: Request, caller: MayIndex, state: State) -> dict[str, Any]:
    """Load the collection for searches. Nothing has to be built: what is registered is found at once."""
    fields = await read_fields(request, IndexFields)
    collection, context = bound_collection(caller), state.system().service.context
    try:
        await state.run(context.bound_collection, collection, fields.model_name)
        _, faces = await state.run(context.index.size, collection)
    except CollectionNotFound as exc:
        raise NothingRegistered from exc
    if not faces:
        raise NothingRegistered
    return {"message": "Index built successfully"}


@router.get("/faces")
async def deepface_faces(page: Annotated[Page, Query()], caller: MayRead, state: State) -> dict[str, Any]:
    """One page of the registered faces, in the order of their registration; next_cursor is null at the end."""
    cursor = 0 if page.cursor is None else decode_number_cursor(page.cursor)
    list_page = state.system().service.galleries.faces
    try:
        faces, following = await state.run(list_page, bound_collection(caller), cursor=cursor, limit=page.limit)
    except CollectionNotFound:
        faces, following = (), None
    return {
        "results": [answers.registered(face) for face in faces],
        "next_cursor": None if following is None else encode_cursor(str(following)),
    }


@router.delete("/faces")
async def deepface_remove(query: Annotated[FaceQuery, Query()], caller: MayErase, state: State) -> dict[str, Any]:
    """Erase one face by its id, or all of an img_name."""
    collection, service = bound_collection(caller), state.system().service.acting_as(caller.act)
    if query.img_name is not None:
        return {"deleted": await state.run(registration.remove_named, service, collection, query.img_name)}
    deleted = await state.run(registration.remove_face, service, collection, query.id or "")
    caller.act.objects = (query.id or "",)
    return {"deleted": deleted}
