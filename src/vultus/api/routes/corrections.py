"""Rename and merge subjects, move faces, undo. Scope: enroll, as nothing is erased."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.middleware.path_segments import CollectionPath, IdPath, SubjectPath
from vultus.api.openapi import RESOURCE_ERRORS, only_json
from vultus.api.state import State
from vultus.schemas import corrections as shapes

router = APIRouter(tags=["galleries"], responses=RESOURCE_ERRORS)

MayRename = Annotated[Caller, Security(Gate("enroll", action="subject.rename", changes=True))]
MayMerge = Annotated[Caller, Security(Gate("enroll", action="subject.merge", changes=True))]
MayMove = Annotated[Caller, Security(Gate("enroll", action="face.move", changes=True))]
MayUndo = Annotated[Caller, Security(Gate("enroll", action="undo", changes=True))]


@router.post(
    "/collections/{collection}/subjects/{subject}/rename",
    openapi_extra=only_json(shapes.RenameFields, {"subject": "employee-17"}),
)
async def rename_subject(
    request: Request, collection: CollectionPath, subject: SubjectPath, caller: MayRename, state: State
) -> shapes.RenamedSubject:
    """Give a subject another id, which must be free."""
    caller.require_collection(collection)
    fields = await read_fields(request, shapes.RenameFields)
    corrections = state.system().service.acting_as(caller.act).corrections
    return shapes.renamed_subject(await state.run(corrections.rename, collection, subject, fields.subject))


@router.post(
    "/collections/{collection}/subjects/{subject}/merge",
    openapi_extra=only_json(shapes.MergeFields, {"into": "employee-17"}),
)
async def merge_subject(
    request: Request, collection: CollectionPath, subject: SubjectPath, caller: MayMerge, state: State
) -> shapes.MergedSubject:
    """Move all faces of a subject to another one, which keeps its name and metadata; the emptied subject goes."""
    caller.require_collection(collection)
    fields = await read_fields(request, shapes.MergeFields)
    corrections = state.system().service.acting_as(caller.act).corrections
    return shapes.merged_subject(await state.run(corrections.merge, collection, subject, fields.into))


@router.post("/faces/{face_id}/move", openapi_extra=only_json(shapes.MoveFields, {"subject": "employee-17"}))
async def move_face(request: Request, face_id: IdPath, caller: MayMove, state: State) -> shapes.MovedFaceAnswer:
    """Move a face to another subject of its collection, created when new. The subject that it leaves stays."""
    service = state.system().service.acting_as(caller.act)
    face = await state.run(service.galleries.face, face_id)
    caller.require_collection(face.collection)
    caller.act.objects = (face.id,)
    fields = await read_fields(request, shapes.MoveFields)
    return shapes.moved_face(await state.run(service.corrections.move, face_id, fields.subject))


@router.post("/undo/{undo_id}")
async def undo_change(undo_id: IdPath, caller: MayUndo, state: State) -> shapes.UndoneAnswer:
    """Undo a rename, a merge or a move: once, as a whole, and only while nothing of it was erased."""
    corrections = state.system().service.acting_as(caller.act).corrections
    caller.require_collection(await state.run(corrections.collection_of, undo_id))
    return shapes.undone_answer(await state.run(corrections.undo, undo_id))
