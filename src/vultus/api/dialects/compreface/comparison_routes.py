"""/api/v1/recognition/recognize, .../verify, .../embeddings, /detection and /verification: nothing is stored."""

from __future__ import annotations

from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.bound_collection import bound_collection
from vultus.api.dialects.compreface.answers import (
    face_json,
    scored_json,
    similarities,
    subjects_json,
    with_status,
)
from vultus.api.dialects.compreface.bodies import (
    read_embeddings,
    read_photo,
    read_source_and_targets,
    read_two_photos,
)
from vultus.api.dialects.compreface.call_options import Options, face_id_of, read_options
from vultus.api.dialects.compreface.example_routes import own_face
from vultus.api.dialects.compreface.prefix import PREFIX
from vultus.api.dialects.compreface.similarity import DECIMALS, SIMILARITY
from vultus.api.state import AppState, State
from vultus.errors import CollectionNotFound

router = APIRouter(prefix=PREFIX, include_in_schema=False)

MayFind = Annotated[Caller, Security(Gate("find", action="compreface.recognize"))]
MayVerify = Annotated[Caller, Security(Gate("verify", action="compreface.verify"))]
MayDetect = Annotated[Caller, Security(Gate("represent", action="compreface.detect"))]


@router.post("/recognition/recognize")
async def recognize(request: Request, caller: MayFind, state: State) -> dict[str, Any]:
    """The faces of a photo, each with the subjects that it is most alike."""
    begun, collection, options = perf_counter(), bound_collection(caller), _options(request, caller)
    photo, service = await read_photo(request), state.system().service.acting_as(caller.act).photo_scores
    asked: dict[str, Any] = {"choice": options.choice}
    try:
        scores = await state.run(service.search, photo, collection, top_k=options.predictions, **asked)
    except CollectionNotFound:  # nobody was added yet
        templates, model = await state.run(service.templates, photo, **asked)
        results = [{**face_json(one.face, one.embedding, options), "subjects": []} for one in templates]
        return _answer(results, options, state, model.id, begun)
    caller.act.objects = tuple(face.lines[0].face_id for face in scores.faces if face.lines)
    results = [{**scored_json(face, options), "subjects": subjects_json(face, scores)} for face in scores.faces]
    return _answer(results, options, state, scores.model_id, begun)


@router.post("/recognition/faces/{image_id}/verify")
async def verify_example(request: Request, image_id: str, caller: MayVerify, state: State) -> dict[str, Any]:
    """The faces of a photo, each with its similarity to an example."""
    begun, options = perf_counter(), _options(request, caller)
    face = await own_face(face_id_of(image_id), bound_collection(caller), state)
    photo = await read_photo(request)
    scores = await state.run(
        state.system().service.acting_as(caller.act).photo_scores.with_face, photo, face.id, choice=options.choice
    )
    caller.act.objects = (face.id,)
    results = [
        {**scored_json(one, options), "subject": face.subject, "similarity": alike}
        for one, alike in zip(scores.faces, similarities(scores), strict=True)
    ]
    return _answer(results, options, state, scores.model_id, begun)


@router.post("/recognition/embeddings/recognize")
async def recognize_embeddings(request: Request, caller: MayFind, state: State) -> dict[str, Any]:
    """The subjects that each embedding is most alike."""
    collection, options = bound_collection(caller), read_options(request.query_params)
    sent = await read_embeddings(request)
    try:
        search = state.system().service.acting_as(caller.act).photo_scores.search_embeddings
        scores = await state.run(search, sent, collection, top_k=options.predictions)
    except CollectionNotFound:
        return {"result": [{"embedding": vector, "similarities": []} for vector in sent]}
    caller.act.objects = tuple(face.lines[0].face_id for face in scores.faces if face.lines)
    return {
        "result": [
            {"embedding": vector, "similarities": subjects_json(face, scores)}
            for vector, face in zip(sent, scores.faces, strict=True)
        ]
    }


@router.post("/recognition/embeddings/faces/{image_id}/verify")
async def verify_embeddings(request: Request, image_id: str, caller: MayVerify, state: State) -> dict[str, Any]:
    """The similarity of each embedding to an example."""
    face = await own_face(face_id_of(image_id), bound_collection(caller), state)
    sent = await read_embeddings(request)
    scores = await state.run(
        state.system().service.acting_as(caller.act).photo_scores.embeddings_with_face, sent, face.id
    )
    caller.act.objects = (face.id,)
    return _best_first(sent, similarities(scores))


@router.post("/detection/detect")
async def detect(request: Request, caller: MayDetect, state: State) -> dict[str, Any]:
    """The faces of a photo."""
    begun, options = perf_counter(), _options(request, caller)
    photo = await read_photo(request)
    templates, model = await state.run(
        state.system().service.acting_as(caller.act).photo_scores.templates, photo, choice=options.choice
    )
    results = [face_json(one.face, one.embedding, options) for one in templates]
    return _answer(results, options, state, model.id, begun)


@router.post("/verification/verify")
async def verify(request: Request, caller: MayVerify, state: State) -> dict[str, Any]:
    """The one face of a photo compared with all faces of another."""
    begun, options = perf_counter(), _options(request, caller)
    source, target = await read_two_photos(request)
    scores = await state.run(
        state.system().service.acting_as(caller.act).photo_scores.with_photo, source, target, choice=options.choice
    )
    assert scores.source is not None
    own = face_json(scores.source.face, scores.source.embedding, options)
    matches = [
        {**scored_json(one, options), "similarity": alike}
        for one, alike in zip(scores.faces, similarities(scores), strict=True)
    ]
    versions, ms = _versions(state, scores.model_id), _ms_since(begun)
    answer = with_status({"source_image_face": own, "face_matches": matches}, [own, *matches], options, versions, ms)
    return {"result": [answer]}


@router.post("/verification/embeddings/verify")
async def compare_embeddings(request: Request, caller: MayVerify, state: State) -> dict[str, Any]:
    """The similarity of each embedding to another."""
    source, targets = await read_source_and_targets(request)
    service = state.system().service
    compared = await state.run(service.comparison.compare, source, targets)
    table = await state.run(service.photo_scores.thresholds)
    values = SIMILARITY.values(compared.scores, table)
    return _best_first(targets, [round(value, DECIMALS) for value in values])


def _options(request: Request, caller: Caller) -> Options:
    """The options of a call that answers with embeddings only who may have them. Raises ScopeNotAllowed."""
    options = read_options(request.query_params)
    if "calculator" in options.plugins:
        caller.require_scope("represent")
    return options


def _answer(
    results: list[dict[str, Any]], options: Options, state: AppState, model_id: str, begun: float
) -> dict[str, Any]:
    return with_status({"result": results}, results, options, _versions(state, model_id), _ms_since(begun))


def _versions(state: AppState, model_id: str) -> dict[str, str]:
    return {"detector": state.settings.default_detector, "calculator": model_id}


def _ms_since(begun: float) -> float:
    return (perf_counter() - begun) * 1000


def _best_first(embeddings: list[list[float]], alike: list[float]) -> dict[str, Any]:
    lines = sorted(zip(embeddings, alike, strict=True), key=lambda line: -line[1])
    return {"result": [{"embedding": vector, "similarity": value} for vector, value in lines]}
