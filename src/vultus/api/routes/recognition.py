"""/enroll /verify /find /represent /detect: read the fields, call the service in a thread, answer."""

from __future__ import annotations

from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response, Security

from vultus.api.auth import Caller, Gate
from vultus.api.body import read_fields
from vultus.api.examples import EXAMPLE_PHOTO
from vultus.api.openapi import COMPUTE_ERRORS, form_or_json
from vultus.api.request_context import request_context
from vultus.api.state import State
from vultus.errors import InvalidRequest
from vultus.records.answers import EnrollResult, FindResult, Verification
from vultus.schemas.answers import detected_face, enroll_answer, find_answer, represent_answer, verify_answer
from vultus.schemas.recognition import DetectAnswer, EnrollAnswer, FindAnswer, Representation, VerifyAnswer
from vultus.schemas.requests import DetectFields, EnrollFields, FindFields, RepresentFields, VerifyFields
from vultus.service.deciding.decided import of_search, of_verification
from vultus.service.enrolment import Enrolment
from vultus.service.liveness.checks import of_liveness

router = APIRouter(tags=["recognition"], responses=COMPUTE_ERRORS)

MayEnroll = Annotated[Caller, Security(Gate("enroll", action="enroll", changes=True))]
MayVerify = Annotated[Caller, Security(Gate("verify", action="verify"))]
MayFind = Annotated[Caller, Security(Gate("find", action="find"))]
MayRepresent = Annotated[Caller, Security(Gate("represent", action="represent"))]
MayDetect = Annotated[Caller, Security(Gate("represent", action="detect"))]


@router.post(
    "/enroll",
    status_code=201,
    responses={200: {"model": EnrollAnswer, "description": "The subject had all of these photos already."}},
    openapi_extra=form_or_json(
        EnrollFields,
        {"img": [EXAMPLE_PHOTO], "subject": "anna-1", "metadata": {"team": "lab"}},
        form_example={"subject": "anna-1"},
    ),
)
async def enroll(request: Request, response: Response, caller: MayEnroll, state: State) -> EnrollAnswer:
    """Add photos or embeddings of one person to a collection, or all faces of a photo, each for a subject of its own.

    Of several photos the good ones are enrolled and the others are listed in `rejected`. Sending the same photo again
    changes nothing.

        curl -H "x-api-key: $KEY" -F img=@anna.jpg -F subject=anna-1 http://127.0.0.1:8000/enroll
    """
    fields = await read_fields(request, EnrollFields)
    caller.require_collection(fields.collection)
    begun = perf_counter()
    result = await _enrolled(fields, state.system().service.acting_as(caller.act).enrolment, state)
    caller.act.objects = tuple(photo.face.id for photo in result.faces)
    caller.act.decisions = of_liveness(photo.liveness for photo in result.faces if photo.liveness is not None)
    request_context(request.scope).rejected = tuple(refused.error for refused in result.rejected)
    response.status_code = 201 if any(photo.created for photo in result.faces) else 200
    return enroll_answer(result, fields.model_name, _seconds_since(begun))


async def _enrolled(fields: EnrollFields, enrolment: Enrolment, state: State) -> EnrollResult:
    binding: dict[str, Any] = {
        "collection": fields.collection,
        "model_name": fields.model_name,
        "strict": fields.strict,
        "liveness": fields.liveness,
    }
    person: dict[str, Any] = {name: getattr(fields, name) for name in ("subject", "name", "metadata", "expires_at")}
    if fields.embedding is not None:
        return await state.run(enrolment.enroll_embeddings, fields.embedding, **binding, **person)
    photos = fields.img or []  # EnrollFields checks that there are photos, and one with face=all
    seen: dict[str, Any] = {
        "detector": fields.detector_backend,
        "min_quality": fields.min_quality,
        "align": fields.align,
    }
    if fields.face == "all":
        return await state.run(enrolment.enroll_all_faces, photos[0], subjects=fields.subjects, **binding, **seen)
    options: dict[str, Any] = {"face": fields.face, "frames": fields.frames or ()}
    return await state.run(enrolment.enroll, photos, **options, **binding, **person, **seen)


@router.post("/verify", openapi_extra=form_or_json(VerifyFields, {"img1": EXAMPLE_PHOTO, "img2": EXAMPLE_PHOTO}))
async def verify(request: Request, caller: MayVerify, state: State) -> VerifyAnswer:
    """Compare two photos, or a photo with an enrolled subject: the same person?

    Send `img1` and `img2`, or `img` and `subject`. Of several faces in a photo the most prominent is used,
    or the one asked for by its place in the answer of `/detect`; `chosen` and `faces_found` say so. With a subject,
    `img1` of the answer is the photo and `img2` the enrolled face, or null.

        curl -H "x-api-key: $KEY" -F img1=@a.jpg -F img2=@b.jpg http://127.0.0.1:8000/verify
    """
    fields = await read_fields(request, VerifyFields)
    begun = perf_counter()
    result = await _verification(fields, caller, state)
    caller.act.decisions = of_verification(result)
    return verify_answer(result, fields.model_name, _seconds_since(begun))


async def _verification(fields: VerifyFields, caller: Caller, state: State) -> Verification:
    service, options = state.system().service.acting_as(caller.act), _verify_options(fields)
    if fields.img1 is not None and fields.img2 is not None:
        if fields.cohort is not None:
            caller.require_collection(fields.cohort)
        judged = ("img1", "img2") if fields.liveness_of == "both" else (fields.liveness_of,)
        options |= {"cohort": fields.cohort, "liveness": fields.liveness or "off", "liveness_of": judged}
        options["face_indexes"] = (fields.img1_face_index, fields.img2_face_index)
        return await state.run(service.recognition.verify, fields.img1, fields.img2, **options)
    caller.require_collection(fields.collection)
    probe, subject = fields.img or b"", fields.subject or ""  # VerifyFields checks that both are present
    options |= {"collection": fields.collection, "liveness": fields.liveness, "frames": fields.frames or ()}
    options["face_index"] = fields.face_index
    found = await state.run(service.recognition.verify_subject, probe, subject, **options)
    caller.act.objects = () if found.enrolled is None else (found.enrolled.face_id,)
    return found


def _verify_options(fields: VerifyFields) -> dict[str, Any]:
    return {
        "model_name": fields.model_name,
        "detector": fields.detector_backend,
        "metric": fields.distance_metric,
        "target_fmr": fields.target_fmr,
        "threshold": fields.threshold,
        "enforce_detection": fields.enforce_detection,
        "align": fields.align,
        "accept_low_quality": fields.accept_low_quality,
    }


@router.post("/find", openapi_extra=form_or_json(FindFields, {"img": EXAMPLE_PHOTO, "top_k": 3}))
async def find(request: Request, caller: MayFind, state: State) -> FindAnswer:
    """Search a collection for the person in a photo, for an enrolled face, or with an embedding.

    `decision` is `match` only when a candidate is at or above the threshold; the lines below it show who came next.

        curl -H "x-api-key: $KEY" -F img=@who.jpg http://127.0.0.1:8000/find
    """
    fields = await read_fields(request, FindFields)
    begun = perf_counter()
    result = await _search(fields, caller, state)
    matched = (face.matches[0] for face in result.faces if face.decision == "match")
    caller.act.objects = tuple(match.candidate.face_id for match in matched)
    caller.act.decisions = of_search(result)
    return find_answer(result, fields.model_name, _seconds_since(begun))


async def _search(fields: FindFields, caller: Caller, state: State) -> FindResult:
    service = state.system().service.acting_as(caller.act)
    rule: dict[str, Any] = {
        "top_k": fields.top_k,
        "target_fpir": fields.target_fpir,
        "threshold": fields.threshold,
        "model_name": fields.model_name,
        "liveness": fields.liveness,
    }
    if fields.face_id is not None:
        face = await state.run(service.galleries.face, fields.face_id)
        caller.require_collection(face.collection)
        _refuse_other_collection(fields, face.collection)
        return await state.run(service.identification.find_face, fields.face_id, **rule)
    caller.require_collection(fields.collection)
    if fields.embedding is not None:
        search = service.identification.find_embedding
        return await state.run(search, fields.embedding, collection=fields.collection, **rule)
    return await state.run(
        service.identification.find,
        fields.img or b"",  # FindFields checks that one of the three is present
        collection=fields.collection,
        faces=fields.faces,
        detector=fields.detector_backend,
        accept_low_quality=fields.accept_low_quality,
        frames=fields.frames or (),
        **rule,
    )


def _refuse_other_collection(fields: FindFields, collection: str) -> None:
    """A face is searched in its own collection: its embedding compares with no other model's."""
    if "collection" in fields.model_fields_set and fields.collection != collection:
        raise InvalidRequest("the face is enrolled in another collection; leave collection out")


@router.post("/represent", openapi_extra=form_or_json(RepresentFields, {"img": EXAMPLE_PHOTO}))
async def represent(request: Request, response: Response, caller: MayRepresent, state: State) -> list[Representation]:
    """The embeddings of all faces in a photo, largest first; the header x-faces-found says how many it shows.

    curl -H "x-api-key: $KEY" -F img=@anna.jpg http://127.0.0.1:8000/represent
    """
    fields = await read_fields(request, RepresentFields)
    result = await state.run(
        state.system().service.recognition.represent,
        fields.img,
        model_name=fields.model_name,
        detector=fields.detector_backend,
        enforce_detection=fields.enforce_detection,
        align=fields.align,
    )
    response.headers["x-faces-found"] = str(result.found)
    return represent_answer(result, fields.model_name)


@router.post("/detect", openapi_extra=form_or_json(DetectFields, {"img": EXAMPLE_PHOTO}))
async def detect(request: Request, caller: MayDetect, state: State) -> DetectAnswer:
    """The faces in a photo, largest first; an empty list when there is none. Needs the scope `represent`.

    curl -H "x-api-key: $KEY" -F img=@group.jpg http://127.0.0.1:8000/detect
    """
    fields = await read_fields(request, DetectFields)
    faces = await state.run(state.system().service.recognition.detect, fields.img, detector=fields.detector_backend)
    return DetectAnswer(faces=[detected_face(face, quality) for face, quality in faces], faces_found=faces.found)


def _seconds_since(begun: float) -> float:
    return round(perf_counter() - begun, 4)
