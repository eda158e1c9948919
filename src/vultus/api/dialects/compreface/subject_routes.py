"""/api/v1/recognition/subjects: the people of the key's collection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.bound_collection import bound_collection
from vultus.api.dialects.compreface.bodies import new_subject, read_name
from vultus.api.dialects.compreface.prefix import PREFIX
from vultus.api.middleware.path_segments import decoded
from vultus.api.state import State
from vultus.errors import CollectionNotFound, SubjectNotFound
from vultus.service import FaceService

SUBJECTS_AT_ONCE = 1000
router = APIRouter(prefix=f"{PREFIX}/recognition/subjects", include_in_schema=False)

MayRead = Annotated[Caller, Security(Gate("read"))]
MayAdd = Annotated[Caller, Security(Gate("enroll", action="compreface.subject.create", changes=True))]
MayRename = Annotated[Caller, Security(Gate("enroll", action="compreface.subject.rename", changes=True))]
MayErase = Annotated[Caller, Security(Gate("erase", action="compreface.subject.erase", changes=True))]


@router.get("")
async def list_subjects(caller: MayRead, state: State) -> dict[str, Any]:
    """The names of all subjects."""
    return {"subjects": await state.run(list, subject_names(state.system().service, bound_collection(caller)))}


@router.post("", status_code=201)
async def add_subject(request: Request, caller: MayAdd, state: State) -> dict[str, Any]:
    """A subject without examples."""
    collection = bound_collection(caller)
    name = new_subject(await read_name(request))
    created = await state.run(state.system().service.acting_as(caller.act).galleries.create_subject, collection, name)
    return {"subject": created.id}


@router.put("/{subject}")
async def rename_subject(request: Request, subject: str, caller: MayRename, state: State) -> dict[str, Any]:
    """Another name; where it is that of another subject, the two become one."""
    collection = bound_collection(caller)
    name = await read_name(request)
    service = state.system().service.acting_as(caller.act)
    return {"updated": await state.run(_rename, service, collection, decoded(subject), name)}


@router.delete("/{subject}")
async def delete_subject(subject: str, caller: MayErase, state: State) -> dict[str, Any]:
    """Erase a subject with its examples."""
    collection = bound_collection(caller)
    service = state.system().service.acting_as(caller.act)
    return {"subject": await state.run(_forget, service, collection, decoded(subject))}


@router.delete("")
async def delete_subjects(caller: MayErase, state: State) -> dict[str, Any]:
    """Erase all subjects with their examples."""
    subjects, _ = await state.run(forget_all, state.system().service.acting_as(caller.act), bound_collection(caller))
    return {"deleted": subjects}


def subject_names(service: FaceService, collection: str) -> Iterator[str]:
    """The ids of all subjects of a collection, none where there is no such collection yet."""
    cursor: str | None = None
    try:
        while True:
            subjects, cursor = service.galleries.subjects(collection, cursor=cursor, limit=SUBJECTS_AT_ONCE)
            yield from (subject.id for subject in subjects)
            if cursor is None:
                return
    except CollectionNotFound:
        return


def forget_all(service: FaceService, collection: str) -> tuple[int, int]:
    """Erase all subjects of a collection one after the other; how many subjects and faces there were."""
    subjects = faces = 0
    for name in subject_names(service, collection):
        try:
            deleted = service.galleries.forget(collection, name)
        except SubjectNotFound:  # erased by somebody else meanwhile
            continue
        subjects, faces = subjects + 1, faces + deleted.faces
    return subjects, faces


def _forget(service: FaceService, collection: str, name: str) -> str:
    subject = _subject(service, collection, name)
    return service.galleries.forget(collection, subject).subject or subject


def _rename(service: FaceService, collection: str, old: str, new: str) -> bool:
    subject = _subject(service, collection, old)
    if new in ("", subject):
        return False
    new = new_subject(new)
    try:
        into = _subject(service, collection, new)
    except SubjectNotFound:
        service.corrections.rename(collection, subject, new)
        return True
    if into == subject:
        return False
    service.corrections.merge(collection, subject, into)
    return True


def _subject(service: FaceService, collection: str, name: str) -> str:
    """The id of a subject as it is stored. Raises SubjectNotFound, also where there is no such collection yet."""
    try:
        return service.galleries.subject(collection, name).id
    except CollectionNotFound as exc:
        raise SubjectNotFound(f"Subject {name!r} does not exist") from exc
