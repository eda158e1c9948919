"""Faces and their photos. Scopes: read to GET, erase to DELETE."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query, Request, Response, Security
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vultus.api.auth import Caller, Gate
from vultus.api.caching import cache_headers, entity_tag, not_modified
from vultus.api.cursors import Page, decode_number_cursor, encode_cursor
from vultus.api.middleware.path_segments import CollectionPath, IdPath
from vultus.api.openapi import RESOURCE_ERRORS
from vultus.api.state import State
from vultus.records.stored import EnrolledFace
from vultus.schemas import resources
from vultus.schemas.field_types import PlainInteger
from vultus.service.galleries import CROP_VERSION, stored_photo_of
from vultus.storage.audit import CROP

router = APIRouter(tags=["galleries"], responses=RESOURCE_ERRORS)

MayRead = Annotated[Caller, Security(Gate("read"))]
MayReadPhoto = Annotated[Caller, Security(Gate("read", action="face.photo"))]
MayEraseFace = Annotated[Caller, Security(Gate("erase", action="face.erase", changes=True))]


class PhotoQuery(BaseModel):
    """The whole photo, or the face in it."""

    model_config = ConfigDict(extra="forbid")

    crop: Literal["face"] | None = Field(None, description="face: a square around the face instead of the photo.")
    size: PlainInteger = Field(160, ge=32, le=512, description="Width and height of the crop, pixels.")

    @model_validator(mode="after")
    def _size_of_a_crop(self) -> Self:
        if self.crop is None and "size" in self.model_fields_set:
            raise ValueError("size needs crop=face; the whole photo has one size")
        return self


@router.get("/collections/{collection}/faces")
async def list_collection_faces(
    collection: CollectionPath, page: Annotated[Page, Query()], caller: MayRead, state: State
) -> resources.FacePage:
    """One page of all faces of a collection, in the order of their enrolment."""
    caller.require_collection(collection)
    cursor = 0 if page.cursor is None else decode_number_cursor(page.cursor)
    list_page = state.system().service.galleries.faces
    faces, following = await state.run(list_page, collection, cursor=cursor, limit=page.limit)
    return resources.FacePage(
        faces=[resources.face_answer(face) for face in faces],
        next_cursor=None if following is None else encode_cursor(str(following)),
    )


@router.get("/faces/{face_id}")
async def get_face(face_id: IdPath, caller: MayRead, state: State) -> resources.FaceAnswer:
    """One enrolled face."""
    return resources.face_answer(await _face(face_id, caller, state))


@router.delete("/faces/{face_id}")
async def delete_face(face_id: IdPath, caller: MayEraseFace, state: State) -> resources.DeletedFace:
    """Erase one face, and its photo when no other face uses it."""
    await _face(face_id, caller, state)
    deleted = await state.run(state.system().service.acting_as(caller.act).galleries.delete_face, face_id)
    return resources.DeletedFace(face_id=face_id, deleted=resources.removed(deleted))


@router.get(
    "/faces/{face_id}/photo",
    response_class=Response,
    responses={
        200: {"description": "The stored photo, or the face.", "content": {"image/jpeg": {}}},
        304: {"description": "The face that If-None-Match names."},
    },
)
async def get_photo(
    request: Request, face_id: IdPath, query: Annotated[PhotoQuery, Query()], caller: MayReadPhoto, state: State
) -> Response:
    """The stored photo of a face, a JPEG; with crop=face only the face, which the caller's own cache may keep."""
    if query.crop is not None:
        caller.act.action = CROP
    face = await _face(face_id, caller, state)
    galleries = state.system().service.galleries
    if query.crop is not None:
        tag = entity_tag(stored_photo_of(face).sha256, face.box, query.size, CROP_VERSION)
        return not_modified(request, tag) or Response(
            await state.run(galleries.face_crop, face_id, size=query.size),
            media_type="image/jpeg",
            headers=cache_headers(tag),
        )
    photo = await state.run(galleries.face_photo, face_id)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(photo, media_type="image/jpeg", headers=headers)


async def _face(face_id: str, caller: Caller, state: State) -> EnrolledFace:
    face = await state.run(state.system().service.galleries.face, face_id)
    caller.require_collection(face.collection)
    caller.act.objects = (face.id,)
    return face
