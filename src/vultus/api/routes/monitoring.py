"""/metrics for Prometheus, /status for people."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, Security

from vultus import __version__
from vultus.api.auth import Caller
from vultus.api.monitoring_access import caller_if_any, may_read_metrics
from vultus.api.openapi import RESOURCE_ERRORS
from vultus.api.readiness import not_ready_reason
from vultus.api.state import State
from vultus.schemas.status import StatusAnswer, full_status, short_status
from vultus.status.concerns import concerns, concerns_of_processes

router = APIRouter(tags=["system"], responses=RESOURCE_ERRORS)
WITHOUT_KEY_TOO: dict[str, Any] = {"security": [{}]}  # beside the ways to send one: OpenAPI 3.1, Operation Object
TEXT = {"text/plain": {"schema": {"type": "string"}}, "application/openmetrics-text": {"schema": {"type": "string"}}}


@router.head("/metrics", dependencies=[Security(may_read_metrics)], include_in_schema=False)
@router.get(
    "/metrics",
    dependencies=[Security(may_read_metrics)],
    response_class=Response,
    openapi_extra=WITHOUT_KEY_TOO,
    responses={200: {"description": "All metrics, in the text format or as OpenMetrics.", "content": TEXT}},
)
async def metrics(request: Request, state: State) -> Response:
    """Counters, times and gauges for Prometheus. Needs the scope `metrics`, or no key for a program on this machine."""
    state.publish_work()
    page, content_type = await state.watch(state.metrics_page, request.headers.get("accept", ""))
    return Response(page, headers={"content-type": content_type})


@router.head("/status", response_model_exclude_unset=True, include_in_schema=False)
@router.get("/status", response_model_exclude_unset=True, openapi_extra=WITHOUT_KEY_TOO)
async def status(state: State, caller: Annotated[Caller | None, Depends(caller_if_any)]) -> StatusAnswer:
    """How the service is, in words and numbers; with any valid key in full, without one only whether it is ready.

    Always answered 200, so that it can say why it is not ready; /readiness answers 503 then.
    """
    reason = not_ready_reason(state)
    if caller is None:
        return short_status(__version__, reason)
    state.publish_work()
    sample, workers = await state.watch(state.system().sample), state.work.metrics.workers()
    now = state.now()
    warnings = [*concerns_of_processes(workers, caller.may_use), *concerns(sample, now)]
    return full_status(__version__, reason, sample, workers, warnings, now, caller.may_use)
