"""Faces of nobody known, for review. Scopes: read to look, enroll to assign and to ignore, erase to erase."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, Security
from pydantic import BaseModel, ConfigDict, Field

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.caching import cache_headers, entity_tag, not_modified
from vultus.api.middleware.path_segments import CollectionPath, IdPath
from vultus.api.openapi import RESOURCE_ERRORS, only_json
from vultus.api.state import State
from vultus.schemas import unknown_faces as shapes
from vultus.schemas.field_types import Flag, PlainInteger
from vultus.storage.audit import UNKNOWN_PHOTO

router = APIRouter(tags=["review"], responses=RESOURCE_ERRORS)

MayRead = Annotated[Caller, Security(Gate("read"))]
MayReadPhoto = Annotated[Caller, Security(Gate("read", action=UNKNOWN_PHOTO))]
MayAssign = Annotated[Caller, Security(Gate("enroll", action="unknown.assign", changes=True))]
MayIgnore = Annotated[Caller, Security(Gate("enroll", action="unknown.ignore", changes=True))]
MayErase = Annotated[Caller, Security(Gate("erase", action="unknown.erase", changes=True))]
IDS = {"ids": ["0123456789abcdef0123456789abcdef"]}


class GroupsQuery(BaseModel):
    """Which groups, and how many."""

    model_config = ConfigDict(extra="forbid")

    limit: PlainInteger = Field(100, ge=1, le=1000, description="Most groups to answer.")
    ignored: Flag = Field(False, description="Those that are ignored, in place of the others.")


@router.get("/collections/{collection}/unknown")
async def list_unknown(
    collection: CollectionPath, query: Annotated[GroupsQuery, Query()], caller: MayRead, state: State
) -> shapes.UnknownAnswer:
    """The faces that searches found to be of nobody known, by person as far as that can be told."""
    caller.require_collection(collection)
    service = state.system().service
    bound = await state.run(service.context.gallery.binding, collection)
    groups = await state.run(service.unknown_faces.groups, collection, ignored=query.ignored)
    ignored = await state.run(service.unknown_faces.ignored_count, collection)
    return shapes.unknown_answer(collection, bound.policies.keep_unknown_days, groups, ignored, query.limit)


@router.get(
    "/collections/{collection}/unknown/{face_id}/photo",
    response_class=Response,
    responses={
        200: {"description": "The face.", "content": {"image/jpeg": {}}},
        304: {"description": "The face that If-None-Match names."},
    },
)
async def get_unknown_photo(
    request: Request, collection: CollectionPath, face_id: IdPath, caller: MayReadPhoto, state: State
) -> Response:
    """The picture of an unknown face, a square JPEG, which the caller's own cache may keep."""
    caller.require_collection(collection)
    crop = await state.run(state.system().service.unknown_faces.crop, collection, face_id)
    caller.act.objects = (face_id,)
    tag = entity_tag(face_id)
    return not_modified(request, tag) or Response(crop, media_type="image/jpeg", headers=cache_headers(tag))


@router.post(
    "/collections/{collection}/unknown/assign",
    openapi_extra=only_json(shapes.AssignFields, {**IDS, "subject": "anna", "name": "Anna"}),
)
async def assign_unknown(
    request: Request, collection: CollectionPath, caller: MayAssign, state: State
) -> shapes.AssignedAnswer:
    """Enroll unknown faces for a subject, which is created when new. They are not unknown any more."""
    caller.require_collection(collection)
    fields = await read_fields(request, shapes.AssignFields)
    assign = state.system().service.acting_as(caller.act).unknown_faces.assign
    subject, added = await state.run(assign, collection, fields.ids, fields.subject, name=fields.name)
    return shapes.assigned_answer(subject, added)


@router.post("/collections/{collection}/unknown/ignore", openapi_extra=only_json(shapes.IgnoreFields, IDS))
async def ignore_unknown(
    request: Request, collection: CollectionPath, caller: MayIgnore, state: State
) -> shapes.IgnoredAnswer:
    """Do not list some unknown faces, and keep none of these people again until the faces' days are over.

    Or take it back. Nothing is added to an ignored face, so its time does not begin again.
    """
    caller.require_collection(collection)
    fields = await read_fields(request, shapes.IgnoreFields)
    ignore = state.system().service.acting_as(caller.act).unknown_faces.ignore
    there = await state.run(ignore, collection, fields.ids, ignored=fields.ignored)
    return shapes.IgnoredAnswer(collection=collection, faces=there, ignored=fields.ignored)


@router.post("/collections/{collection}/unknown/erase", openapi_extra=only_json(shapes.ForgetFields, IDS))
async def erase_unknown(
    request: Request, collection: CollectionPath, caller: MayErase, state: State
) -> shapes.ForgottenAnswer:
    """Erase some unknown faces: embedding, picture and time."""
    caller.require_collection(collection)
    fields = await read_fields(request, shapes.ForgetFields)
    erase = state.system().service.acting_as(caller.act).unknown_faces.erase
    return shapes.ForgottenAnswer(collection=collection, erased=await state.run(erase, collection, fields.ids))


@router.delete("/collections/{collection}/unknown")
async def erase_all_unknown(collection: CollectionPath, caller: MayErase, state: State) -> shapes.ForgottenAnswer:
    """Erase all unknown faces of a collection. New ones are kept as long as its policy asks for that."""
    caller.require_collection(collection)
    erase = state.system().service.acting_as(caller.act).unknown_faces.erase
    return shapes.ForgottenAnswer(collection=collection, erased=await state.run(erase, collection))
