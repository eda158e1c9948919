"""The export of all that is held on one person. Scope: admin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Annotated

import anyio
from fastapi import APIRouter, Security
from fastapi.responses import StreamingResponse

from vultus.api.auth import Caller, Gate
from vultus.api.middleware.path_segments import CollectionPath, SubjectPath
from vultus.api.openapi import RESOURCE_ERRORS
from vultus.api.state import AppState, State
from vultus.errors import QueueFull
from vultus.service.exporting.subject_export import export_of

router = APIRouter(tags=["galleries"], responses=RESOURCE_ERRORS)
MayExport = Annotated[Caller, Security(Gate("admin", action="subject.export"))]
ZIP = "application/zip"
WAIT_SECONDS, MOST_WAITS = 0.2, 50
PART_BYTES = 256 * 1024  # collected before they are sent


@router.get(
    "/collections/{collection}/subjects/{subject}/export",
    response_class=StreamingResponse,
    responses={200: {"description": "A zip of JSON and photos.", "content": {ZIP: {}}}},
)
async def export(
    collection: CollectionPath, subject: SubjectPath, caller: MayExport, state: State
) -> StreamingResponse:
    """All that is held on one person: subject, faces, embeddings, photos, audit lines. Needs the scope `admin`."""
    caller.require_collection(collection)
    context = state.system().service.context
    found = await state.run(export_of, context.gallery, context.photos, collection, subject)
    caller.act.objects = found.face_ids
    headers = {"Content-Disposition": 'attachment; filename="subject.zip"'}  # its id may be a name
    return StreamingResponse(_sent(found.chunks, state), media_type=ZIP, headers=headers)


async def _sent(chunks: Iterator[bytes], state: AppState) -> AsyncIterator[bytes]:
    while part := await _next_part(chunks, state):
        yield part


async def _next_part(chunks: Iterator[bytes], state: AppState) -> bytes:
    """Waits while all threads are busy: the answer has begun, so it cannot be refused any more."""
    for _ in range(MOST_WAITS):
        with suppress(QueueFull):
            return await state.run(_part, chunks)
        await anyio.sleep(WAIT_SECONDS)
    return await state.run(_part, chunks)


def _part(chunks: Iterator[bytes]) -> bytes:
    part = bytearray()
    while len(part) < PART_BYTES and (chunk := next(chunks, None)) is not None:
        part += chunk
    return bytes(part)
