"""/audit, for admins: the lines of the audit, newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Security
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from vultus.api.auth import Caller, Gate
from vultus.api.cursors import decode_number_cursor, encode_cursor
from vultus.api.openapi import RESOURCE_ERRORS
from vultus.api.state import State
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.schemas.field_types import KnownSubjectId, PlainInteger
from vultus.schemas.resources import AuditPage, audit_line_answer
from vultus.storage.audit import AuditFilter

router = APIRouter(tags=["audit"], responses=RESOURCE_ERRORS)
MayReadAudit = Annotated[Caller, Security(Gate("admin"))]


class AuditQuery(BaseModel):
    """Which lines, and which part of their list."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = Field(None, description="From this moment on, with time zone.")
    until: AwareDatetime | None = Field(None, description="Before this moment, with time zone.")
    key: str | None = Field(None, max_length=64, description="Actor: the id of a key, or command, server, anyone.")
    action: str | None = Field(None, max_length=64, description="Such as enroll, find, subject.erase.")
    collection: str | None = Field(None, max_length=64, description="The name of a collection.")
    outcome: str | None = Field(None, max_length=64, description="ok, unchanged, or the code of an error.")
    decision: str | None = Field(None, max_length=64, description="Such as match, ambiguous, unknown, verified.")
    request_id: str | None = Field(None, max_length=64, description="The x-request-id of a call.")
    face_id: str | None = Field(None, max_length=64, description="Lines about this face.")
    subject: KnownSubjectId | None = Field(
        None, description="Lines about the faces that this subject of `collection` (by default: default) has now."
    )
    cursor: str | None = Field(None, max_length=2048, description="next_cursor of the page before.")
    limit: PlainInteger = Field(100, ge=1, le=1000, description="Most lines to answer.")


@router.get("/audit")
async def list_audit(query: Annotated[AuditQuery, Query()], caller: MayReadAudit, state: State) -> AuditPage:
    """One page of the audit, newest lines first: ids and outcomes, never names, images or embeddings."""
    caller.require_all_collections()
    before = None if query.cursor is None else decode_number_cursor(query.cursor)
    wanted = AuditFilter(
        since=query.since,
        until=query.until,
        actor=query.key,
        action=query.action,
        collection=query.collection,
        outcome=query.outcome,
        decision=query.decision,
        request_id=query.request_id,
        face=query.face_id,
        subject=None if query.subject is None else (query.collection or DEFAULT_COLLECTION, query.subject),
    )
    lines = await state.run(state.system().audit.page, wanted, before=before, limit=query.limit + 1)
    shown = lines[: query.limit]
    return AuditPage(
        lines=[audit_line_answer(line) for line in shown],
        next_cursor=encode_cursor(str(shown[-1].number)) if len(lines) > query.limit else None,
    )
