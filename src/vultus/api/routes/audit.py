"""/audit, for admins: the lines of the audit, newest first."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response, Security
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from vultus.api.auth import Caller, Gate
from vultus.api.cursors import decode_number_cursor, encode_cursor
from vultus.api.openapi import RESOURCE_ERRORS
from vultus.api.state import State
from vultus.errors import InvalidRequest
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.schemas.audit_csv import audit_csv
from vultus.schemas.field_types import KnownSubjectId, PlainInteger
from vultus.schemas.resources import AuditPage, audit_line_answer
from vultus.storage.audit import AuditFilter

router = APIRouter(tags=["audit"], responses=RESOURCE_ERRORS)
LINES, MOST_LINES, MOST_CSV_LINES, CSV = 100, 1_000, 10_000, "text/csv"
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
    format: Literal["json", "csv"] | None = Field(None, description="Default: csv where Accept prefers it, else json.")
    limit: PlainInteger | None = Field(
        None, ge=1, le=MOST_CSV_LINES, description="Most lines to answer: 100, at most 1,000; of csv 10,000."
    )

    def most(self, *, as_csv: bool) -> int:
        """How many lines are answered. Raises InvalidRequest."""
        if not as_csv and self.limit is not None and self.limit > MOST_LINES:
            raise InvalidRequest(f"limit is {self.limit}, and at most {MOST_LINES} with json; ask by pages, or for csv")
        return self.limit or (MOST_CSV_LINES if as_csv else LINES)


@router.get("/audit", response_model=AuditPage, responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}})
async def list_audit(
    request: Request, query: Annotated[AuditQuery, Query()], caller: MayReadAudit, state: State
) -> AuditPage | Response:
    """One page of the audit, newest lines first: ids and outcomes, never names, images or embeddings.

    As CSV the header `x-next-cursor` has the cursor of the next page; it is absent at the end.
    """
    caller.require_all_collections()
    as_csv = query.format == "csv" or (query.format is None and _prefers_csv(request))
    most = query.most(as_csv=as_csv)
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
    lines = await state.run(state.system().audit.page, wanted, before=before, limit=most + 1)
    shown = [audit_line_answer(line) for line in lines[:most]]
    following = encode_cursor(str(shown[-1].number)) if len(lines) > most else None
    if not as_csv:
        return AuditPage(lines=shown, next_cursor=following)
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    if following is not None:
        headers["x-next-cursor"] = following
    return Response(await state.run(audit_csv, shown), media_type=f"{CSV}; charset=utf-8", headers=headers)


def _prefers_csv(request: Request) -> bool:
    """Whether the first type that the caller accepts is CSV."""
    first = request.headers.get("accept", "").partition(",")[0].partition(";")[0]
    return first.strip().lower() == CSV
