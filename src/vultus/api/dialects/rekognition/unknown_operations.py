"""All other operations of AWS's service, such as DetectLabels: refused by the name that clients know."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.rekognition.failures import UnknownOperation
from vultus.api.dialects.rekognition.operations import UnknownOperationRoute

router = APIRouter(route_class=UnknownOperationRoute, include_in_schema=False)

AnyKey = Annotated[Caller, Security(Gate(None, action="rekognition.unknown"))]


@router.post("/", name="UnknownOperation", response_model=None)
async def refuse_operation(caller: AnyKey) -> dict[str, Any]:
    """Raises UnknownOperation."""
    raise UnknownOperation(
        "X-Amz-Target names no operation that is served here: those on faces, collections and users are, and none on "
        "labels, text, videos or projects"
    )
