"""/deepface: the greeting, /represent, /verify and /analyze."""

from __future__ import annotations

from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response, Security
from fastapi.responses import HTMLResponse

from vultus import __version__
from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.dialects.deepface import answers
from vultus.api.dialects.deepface.anti_spoofing import liveness_options
from vultus.api.dialects.deepface.fields import RepresentFields, VerifyFields
from vultus.api.dialects.deepface.not_offered import AttributesNotOffered
from vultus.api.state import State
from vultus.service.deciding.decided import of_verification

PREFIX = "/deepface"
DEEPFACE_VERSION = "0.0.103"
router = APIRouter(prefix=PREFIX, include_in_schema=False)

MayRepresent = Annotated[Caller, Security(Gate("represent", action="deepface.represent"))]
MayVerify = Annotated[Caller, Security(Gate("verify", action="deepface.verify"))]
MayAnalyze = Annotated[Caller, Security(Gate("represent", action="deepface.analyze"))]


@router.get("", response_class=HTMLResponse)
@router.get("/", response_class=HTMLResponse)
async def greet() -> str:
    """The greeting, which clients ask for to see that the server is there; it needs no token."""
    return f"<h1>Vultus {__version__}, in the protocol of DeepFace API v{DEEPFACE_VERSION}</h1>"


@router.post("/represent")
async def deepface_represent(
    request: Request, response: Response, caller: MayRepresent, state: State
) -> dict[str, Any]:
    """The embeddings of the faces of an image, most prominent first; x-faces-found says how many it shows."""
    fields = await read_fields(request, RepresentFields)
    result = await state.run(
        state.system().service.acting_as(caller.act).recognition.represent,
        fields.img,
        model_name=fields.model_name,
        detector=fields.detector,
        enforce_detection=fields.needs_face,
        align=fields.align,
        max_faces=fields.max_faces,
        **liveness_options(fields.anti_spoofing),
    )
    response.headers["x-faces-found"] = str(result.found)
    return {"results": [answers.represented(template) for template in result]}


@router.post("/verify")
async def deepface_verify(request: Request, caller: MayVerify, state: State) -> dict[str, Any]:
    """Whether two images show the same person."""
    fields = await read_fields(request, VerifyFields)
    begun, service = perf_counter(), state.system().service.acting_as(caller.act)
    result = await state.run(
        service.recognition.verify,
        fields.img1,
        fields.img2,
        model_name=fields.model_name,
        detector=fields.detector,
        enforce_detection=fields.needs_face,
        align=fields.align,
        **liveness_options(fields.anti_spoofing),
    )
    caller.act.decisions = of_verification(result)
    table = service.context.models.served(result.model_id).thresholds()
    return answers.verified(result, fields.distance_metric, fields.model_name, table, perf_counter() - begun)


@router.post("/analyze")
async def deepface_analyze(caller: MayAnalyze) -> dict[str, Any]:
    """Refused, with the reason."""
    raise AttributesNotOffered
