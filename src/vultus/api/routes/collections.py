"""Collections, subjects, faces, photos as resources.

Scopes: read to GET, enroll to PUT and PATCH, erase to DELETE; admin to change the policies of a collection.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query, Request, Response, Security
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.caching import cache_headers, entity_tag, not_modified
from vultus.api.cursors import decode_number_cursor, decode_subject_cursor, encode_cursor
from vultus.api.middleware.path_segments import CollectionPath, IdPath, SubjectPath
from vultus.api.openapi import COMPUTE_ERRORS, RESOURCE_ERRORS, only_json
from vultus.api.state import State
from vultus.records.stored import Collection, EnrolledFace
from vultus.schemas import resources
from vultus.schemas.resource_requests import CollectionChanges, CollectionFields, SubjectFields
from vultus.service import FaceService
from vultus.service.galleries import CROP_VERSION, stored_photo_of

router = APIRouter(tags=["galleries"], responses=RESOURCE_ERRORS)

MayRead = Annotated[Caller, Security(Gate("read"))]
MayReadPhoto = Annotated[Caller, Security(Gate("read", action="face.photo"))]
MayCreateCollection = Annotated[Caller, Security(Gate("enroll", action="collection.create", changes=True))]
MayChangePolicies = Annotated[Caller, Security(Gate("admin", action="collection.policy", changes=True))]
MayEraseCollection = Annotated[Caller, Security(Gate("erase", action="collection.erase", changes=True))]
MayUpdateSubject = Annotated[Caller, Security(Gate("enroll", action="subject.update", changes=True))]
MayEraseSubject = Annotated[Caller, Security(Gate("erase", action="subject.erase", changes=True))]
MayEraseFace = Annotated[Caller, Security(Gate("erase", action="face.erase", changes=True))]


class Page(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(None, max_length=2048, description="next_cursor of the page before.")
    limit: int = Field(100, ge=1, le=1000, description="Most entries to answer.")


class SubjectQuery(Page):
    """Which subjects, and which part of their list."""

    q: str | None = Field(
        None, max_length=256, description="Only subjects whose id begins with it, or whose name contains it."
    )


class PhotoQuery(BaseModel):
    """The whole photo, or the face in it."""

    model_config = ConfigDict(extra="forbid")

    crop: Literal["face"] | None = Field(None, description="face: a square around the face instead of the photo.")
    size: int = Field(160, ge=32, le=512, description="Width and height of the crop, pixels.")

    @model_validator(mode="after")
    def _size_of_a_crop(self) -> Self:
        if self.crop is None and "size" in self.model_fields_set:
            raise ValueError("size needs crop=face; the whole photo has one size")
        return self


# --- collections --------------------------------------------------------------------------------------------------


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
    counts = resources.RemovedSubjects(subjects=deleted.subjects, faces=deleted.faces, photos=deleted.photos)
    return resources.DeletedCollection(collection=collection, deleted=counts)


def _answer(collection: Collection, service: FaceService) -> resources.CollectionAnswer:
    return resources.collection_answer(collection, service.galleries.search_state(collection.name))


# --- subjects -----------------------------------------------------------------------------------------------------


@router.get("/collections/{collection}/subjects")
async def list_subjects(
    collection: CollectionPath, page: Annotated[SubjectQuery, Query()], caller: MayRead, state: State
) -> resources.SubjectPage:
    """One page of the subjects, in the order of their ids; with q those found by id or name, in any letter case."""
    caller.require_collection(collection)
    cursor = None if page.cursor is None else decode_subject_cursor(page.cursor)
    service = state.system().service
    subjects, following = await state.run(
        service.galleries.subjects, collection, cursor=cursor, limit=page.limit, query=page.q
    )
    return resources.SubjectPage(
        subjects=[resources.subject_answer(subject) for subject in subjects],
        next_cursor=None if following is None else encode_cursor(following),
    )


@router.get("/collections/{collection}/subjects/{subject}")
async def get_subject(
    collection: CollectionPath, subject: SubjectPath, caller: MayRead, state: State
) -> resources.SubjectAnswer:
    """One subject."""
    caller.require_collection(collection)
    return resources.subject_answer(await state.run(state.system().service.galleries.subject, collection, subject))


@router.patch(
    "/collections/{collection}/subjects/{subject}",
    openapi_extra=only_json(SubjectFields, {"metadata": {"team": "lab"}}),
)
async def patch_subject(
    request: Request, collection: CollectionPath, subject: SubjectPath, caller: MayUpdateSubject, state: State
) -> resources.SubjectAnswer:
    """Change name or metadata of a subject; what is not sent stays."""
    caller.require_collection(collection)
    fields = await read_fields(request, SubjectFields)
    update = state.system().service.acting_as(caller.act).galleries.update_subject
    changed = await state.run(update, collection, subject, name=fields.name, metadata=fields.metadata)
    return resources.subject_answer(changed)


@router.delete("/collections/{collection}/subjects/{subject}")
async def delete_subject(
    collection: CollectionPath, subject: SubjectPath, caller: MayEraseSubject, state: State
) -> resources.DeletedSubject:
    """Erase a person: faces, embeddings, and photos that no one else uses. The next /find cannot return it."""
    caller.require_collection(collection)
    deleted = await state.run(state.system().service.acting_as(caller.act).galleries.forget, collection, subject)
    return resources.DeletedSubject(subject=subject, deleted=resources.removed(deleted))


@router.get("/collections/{collection}/subjects/{subject}/faces")
async def list_faces(
    collection: CollectionPath, subject: SubjectPath, caller: MayRead, state: State
) -> resources.FaceList:
    """The enrolled faces of a subject."""
    caller.require_collection(collection)
    faces = await state.run(state.system().service.galleries.subject_faces, collection, subject)
    return resources.FaceList(faces=[resources.face_answer(face) for face in faces])


# --- faces --------------------------------------------------------------------------------------------------------


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
