"""/health, /readiness, /capabilities: no key needed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request

from vultus.api.openapi import PUBLIC_ERRORS
from vultus.api.readiness import require_ready
from vultus.api.state import State
from vultus.api.unread_input import refuse_unread
from vultus.schemas.resources import Health

router = APIRouter(tags=["system"], responses=PUBLIC_ERRORS, dependencies=[Depends(refuse_unread)])


@router.head("/health", include_in_schema=False)
@router.get("/health")
async def health() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.head("/readiness", include_in_schema=False)
@router.get("/readiness")
async def readiness(state: State) -> Health:
    """Requests will be served: models are warm, compute slots come free, the database answers. Else 503 not_ready."""
    require_ready(state)
    await state.probe(state.system().require_database)
    return Health(status="ready")


@router.get("/capabilities")
async def capabilities(request: Request, state: State) -> dict[str, Any]:
    """The models, detectors and dialects that are served, the defaults, and the limits, also of bulk jobs."""
    dialects = list(request.app.state.dialects)
    async with state.public_work:
        return {**await state.run(state.system().capabilities), "dialects": dialects}
