"""DetectFaces and CompareFaces: what images show, without a collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request, Security

from vultus.api.auth import Caller, Gate
from vultus.api.dialects.rekognition import request_shapes as shapes
from vultus.api.dialects.rekognition.answer_shapes import bounding_box, detail
from vultus.api.dialects.rekognition.failure_answers import AwsAnswer
from vultus.api.dialects.rekognition.operations import OperationRoute, read_shape
from vultus.api.state import State
from vultus.errors import NoFaceDetected
from vultus.service import FaceService
from vultus.service.loose_faces.described import DescribedFace

MOST_FACES = 100  # of an answer
router = APIRouter(route_class=OperationRoute, default_response_class=AwsAnswer, include_in_schema=False)

MayDetect = Annotated[Caller, Security(Gate("represent", action="rekognition.detect_faces"))]
MayCompare = Annotated[Caller, Security(Gate("verify", action="rekognition.compare_faces"))]


@router.post("/", name="DetectFaces", response_model=None)
async def detect_faces(request: Request, caller: MayDetect, state: State) -> dict[str, Any]:
    """The faces of an image, largest first, with what is measured of them; attributes that are not, are left out."""
    asked = await read_shape(request, shapes.DetectFaces)
    faces = await state.run(state.system().service.descriptions.detect, asked.image.content)
    return {"FaceDetails": [detail(one) for one in faces[:MOST_FACES]]}


@router.post("/", name="CompareFaces", response_model=None)
async def compare_faces(request: Request, caller: MayCompare, state: State) -> dict[str, Any]:
    """The largest face of one image against all faces of another."""
    asked = await read_shape(request, shapes.CompareFaces)
    service = state.system().service
    sources, targets = [
        good_enough(service, await state.run(service.descriptions.represent, image.content), asked.quality_filter)
        for image in (asked.source_image, asked.target_image)
    ]
    source = largest_of(sources, "SourceImage")
    targets = targets[:MOST_FACES]
    percents = await state.run(service.face_lists.compare, source, targets)
    lines = sorted(zip(percents, targets, strict=True), key=lambda line: -line[0])
    return {
        "SourceImageFace": {
            "BoundingBox": bounding_box(source.face.box, source.size),
            "Confidence": source.face.score * 100,
        },
        "FaceMatches": [
            {"Similarity": percent, "Face": detail(one)}
            for percent, one in lines
            if percent >= asked.similarity_threshold
        ],
        "UnmatchedFaces": [detail(one) for percent, one in lines if percent < asked.similarity_threshold],
    }


def good_enough(service: FaceService, faces: Sequence[DescribedFace], quality_filter: str) -> list[DescribedFace]:
    """The faces that pass a QualityFilter."""
    floor = shapes.QUALITY[quality_filter]
    floor = service.context.policy.min_quality if floor is None else floor
    return [one for one in faces if one.quality.score >= floor]


def largest_of(faces: Sequence[DescribedFace], image: str) -> DescribedFace:
    """The first of faces, largest first. Raises NoFaceDetected."""
    if not faces:
        raise NoFaceDetected(
            f"There are no faces in {image}, or none that passes QualityFilter; should be at least 1. Use one where "
            "the face is at least 40 px wide and in view"
        )
    return faces[0]
