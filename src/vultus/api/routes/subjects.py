"""Subjects of a collection, and their faces. Scopes: read to GET, enroll to PATCH, erase to DELETE."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Security
from pydantic import Field

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.cursors import Page, decode_place, encode_place
from vultus.api.middleware.path_segments import CollectionPath, SubjectPath
from vultus.api.openapi import RESOURCE_ERRORS, only_json
from vultus.api.state import State
from vultus.records.stored import SubjectOrder
from vultus.schemas import resources
from vultus.schemas.resource_requests import SubjectFields

router = APIRouter(tags=["galleries"], responses=RESOURCE_ERRORS)

MayRead = Annotated[Caller, Security(Gate("read"))]
MayUpdateSubject = Annotated[Caller, Security(Gate("enroll", action="subject.update", changes=True))]
MayEraseSubject = Annotated[Caller, Security(Gate("erase", action="subject.erase", changes=True))]


class SubjectQuery(Page):
    """Which subjects, and which part of their list."""

    q: str | None = Field(
        None, max_length=256, description="Only subjects whose id begins with it, or whose name contains it."
    )
    sort: SubjectOrder = Field("id", description="id, name (of those without one the id), or newest first.")


@router.get("/collections/{collection}/subjects")
async def list_subjects(
    collection: CollectionPath, page: Annotated[SubjectQuery, Query()], caller: MayRead, state: State
) -> resources.SubjectPage:
    """One page of the subjects, sorted; with q those found by id or name, in any letter case."""
    caller.require_collection(collection)
    after = None if page.cursor is None else decode_place(page.cursor, page.sort)
    list_page = state.system().service.galleries.subject_page
    subjects, following = await state.run(
        list_page, collection, order=page.sort, after=after, limit=page.limit, query=page.q
    )
    return resources.SubjectPage(
        subjects=[resources.subject_answer(subject) for subject in subjects],
        next_cursor=None if following is None else encode_place(following),
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
    """Change name, metadata, expiry or cover face of a subject; what is not sent stays."""
    caller.require_collection(collection)
    fields = await read_fields(request, SubjectFields)
    update = state.system().service.acting_as(caller.act).galleries.update_subject
    others: dict[str, Any] = {"expires_at": fields.expires_at, "never_expires": fields.never_expires}
    others["cover_face"] = fields.cover_face
    changed = await state.run(update, collection, subject, name=fields.name, metadata=fields.metadata, **others)
    return resources.subject_answer(changed)


@router.delete("/collections/{collection}/subjects/{subject}")
async def delete_subject(
    collection: CollectionPath, subject: SubjectPath, caller: MayEraseSubject, state: State
) -> resources.DeletedSubject:
    """Erase a person: faces, embeddings, and photos that no one else uses. The next /find cannot return it."""
    caller.require_collection(collection)
    deleted = await state.run(state.system().service.acting_as(caller.act).galleries.forget, collection, subject)
    return resources.DeletedSubject(
        subject=deleted.subject or subject,
        deleted=resources.removed(deleted),
        other_spellings=list(deleted.other_spellings),
    )


@router.get("/collections/{collection}/subjects/{subject}/faces")
async def list_faces(
    collection: CollectionPath, subject: SubjectPath, caller: MayRead, state: State
) -> resources.FaceList:
    """The enrolled faces of a subject."""
    caller.require_collection(collection)
    faces = await state.run(state.system().service.galleries.subject_faces, collection, subject)
    return resources.FaceList(faces=[resources.face_answer(face) for face in faces])
