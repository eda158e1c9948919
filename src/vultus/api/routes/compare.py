"""/compare: a photo or an embedding against embeddings that the caller keeps."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.examples import EXAMPLE_MODEL, EXAMPLE_PHOTO, EXAMPLE_VECTOR
from vultus.api.openapi import COMPUTE_ERRORS, form_or_json
from vultus.api.state import State
from vultus.schemas.comparison import CompareAnswer, CompareFields, compare_answer
from vultus.service.deciding.decided import of_comparison

router = APIRouter(tags=["recognition"], responses=COMPUTE_ERRORS)

MayCompare = Annotated[Caller, Security(Gate("verify", action="compare"))]


@router.post(
    "/compare",
    openapi_extra=form_or_json(
        CompareFields,
        {"img": EXAMPLE_PHOTO, "target_vector": EXAMPLE_VECTOR, "model_name": EXAMPLE_MODEL},
        form_example={"target_vector": json.dumps(EXAMPLE_VECTOR), "model_name": EXAMPLE_MODEL},
    ),
)
async def compare(request: Request, caller: MayCompare, state: State) -> CompareAnswer:
    """Compare a photo, or an embedding, with embeddings that you keep. Vectors are scaled to unit length first.

    curl -H "x-api-key: $KEY" -F img=@anna.jpg -F "target_vector=$VECTOR" http://127.0.0.1:8000/compare
    """
    fields = await read_fields(request, CompareFields)
    ids, vectors = zip(*fields.targets(), strict=True)
    result = await state.run(
        state.system().service.comparison.compare,
        fields.source(),
        vectors,
        model_name=fields.model_name,
        metric=fields.distance_metric or fields.metric or "cosine",
        target_fmr=fields.target_fmr,
        threshold=fields.threshold,
        detector=fields.detector_backend,
        enforce_detection=fields.enforce_detection,
        align=fields.align,
        face_index=fields.face_index,
        accept_low_quality=fields.accept_low_quality,
    )
    caller.act.decisions = of_comparison(result)
    return compare_answer(result, ids, fields.model_name)
