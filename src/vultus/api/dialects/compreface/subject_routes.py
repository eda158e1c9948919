"""/api/v1/recognition/subjects: the people of the key's collection."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.bound_collection import bound_collection
from vultus.api.dialects.compreface.prefix import PREFIX
from vultus.api.state import State
from vultus.errors import CollectionNotFound
from vultus.service import FaceService

SUBJECTS_AT_ONCE = 1000
router = APIRouter(prefix=f"{PREFIX}/recognition/subjects")

MayRead = Annotated[Caller, Security(Gate("read"))]


@router.get("")
async def list_subjects(caller: MayRead, state: State) -> dict[str, Any]:
    """The names of all subjects."""
    return {"subjects": await state.run(_names, state.system().service, bound_collection(caller))}


def _names(service: FaceService, collection: str) -> list[str]:
    """The ids of all subjects of a collection, none where there is no such collection yet."""
    names: list[str] = []
    cursor: str | None = None
    try:
        while True:
            subjects, cursor = service.galleries.subjects(collection, cursor=cursor, limit=SUBJECTS_AT_ONCE)
            names += [subject.id for subject in subjects]
            if cursor is None:
                return names
    except CollectionNotFound:
        return []
