"""Converts records to the answers of the recognition calls."""

from __future__ import annotations

import math

from vultus.matching.decision import to_distance
from vultus.records.answers import (
    EnrollResult,
    FindResult,
    Identification,
    Match,
    RejectedPhoto,
    ThresholdRule,
    Verification,
)
from vultus.records.cautions import Caution
from vultus.records.chosen import PhotoFaces
from vultus.records.seen import Face, Quality, Template
from vultus.records.stored import EnrolledFace
from vultus.schemas.faces import FacialArea, area, area_of, choice_fields, chosen_face, other_faces, quality_of
from vultus.schemas.liveness import liveness_answer, liveness_by_image
from vultus.schemas.recognition import (
    CautionAnswer,
    ChosenFaces,
    DetectedFace,
    EnrollAnswer,
    EnrolledFaceAnswer,
    FacesFound,
    FacialAreas,
    FindAnswer,
    FoundFace,
    GallerySize,
    MatchAnswer,
    NewFaceAnswer,
    OtherFaces,
    PhotoAnswer,
    RejectedAnswer,
    Representation,
    Rule,
    VerifyAnswer,
)


def stored_area(face: EnrolledFace, rotation: int = 0) -> FacialArea | None:
    """The area of an enrolled face, None for one that was enrolled by its embedding."""
    return None if face.box is None else area(face.box, face.landmarks, rotation=rotation)


def stored_quality(face: EnrolledFace) -> dict[str, float] | None:
    """The quality of an enrolled face, None for one that was enrolled by its embedding."""
    return None if face.quality is None else quality_of(face.quality)


def rounded(value: float) -> float:
    """Similarities, distances and thresholds have six decimals in answers."""
    return round(value, 6)


def rule_of(rule: ThresholdRule) -> Rule:
    return Rule(
        kind=rule.kind,
        similarity_threshold=rounded(rule.similarity),
        score_threshold=None if rule.score is None else rounded(rule.score),
        expected=rule.expected,
        model_id=rule.model_id,
        supported=rule.supported,
        note=rule.note,
        templates=rule.templates,
    )


def photo_of(face: EnrolledFace) -> PhotoAnswer | None:
    """The stored photo, None where none is kept."""
    photo = face.photo
    return None if photo is None else PhotoAnswer(sha256=photo.sha256, width=photo.width, height=photo.height)


def enroll_answer(result: EnrollResult, asked: str | None, seconds: float) -> EnrollAnswer:
    """asked: the model name of the request."""
    owner = result.subject
    faces = [
        NewFaceAnswer(
            subject=None if owner else photo.face.subject,
            face_id=photo.face.id,
            facial_area=stored_area(photo.face, photo.rotation),
            face_confidence=photo.face.detector_score,
            quality=stored_quality(photo.face),
            photo=photo_of(photo.face),
            created=photo.created,
            liveness=liveness_answer(photo.liveness),
            **choice_fields(photo.choice),
        )
        for photo in result.faces
    ]
    return EnrollAnswer(
        subject=owner.id if owner else None,
        name=(owner.name or None) if owner else None,
        expires_at=owner.expires_at if owner else None,
        collection=result.collection.name,
        model=asked or result.collection.model_id,
        model_id=result.collection.model_id,
        faces=faces,
        rejected=[_rejected(refusal) for refusal in result.rejected],
        cautions=[caution_answer(caution) for caution in result.cautions],
        time=seconds,
    )


def _rejected(refusal: RejectedPhoto) -> RejectedAnswer:
    return RejectedAnswer(index=refusal.index, face=refusal.face, error=refusal.error, detail=refusal.detail)


def verify_answer(result: Verification, asked: str | None, seconds: float) -> VerifyAnswer:
    """Similarity and threshold, also as distances in the metric of the request."""
    rule = result.rule
    first, second = (
        None if face is None else area_of(face, choice.note if choice else None)
        for face, choice in zip(result.faces, result.choices, strict=True)
    )
    one, two = result.choices
    return VerifyAnswer(
        verified=result.verified,
        decision=result.decision,
        reason=result.reason,
        distance=rounded(to_distance(result.similarity, result.metric)),
        threshold=rounded(to_distance(rule.similarity, result.metric)),
        similarity=rounded(result.similarity),
        score=rounded(result.score),
        model=asked or result.model_id,
        model_id=result.model_id,
        detector_backend=result.detector,
        similarity_metric=result.metric,
        facial_areas=FacialAreas(img1=first, img2=second),
        faces_found=FacesFound(img1=one.found if one else None, img2=two.found if two else None),
        chosen=ChosenFaces(img1=chosen_face(one), img2=chosen_face(two)),
        other_faces=OtherFaces(img1=other_faces(one), img2=other_faces(two)),
        enrolled_face=None if result.enrolled is None else EnrolledFaceAnswer(**vars(result.enrolled)),
        expected_fmr=rule.expected if rule.kind == "target_fmr" else None,
        threshold_rule=rule_of(rule),
        liveness=liveness_by_image(result.liveness),
        beyond=None if result.beyond is None else True,
        beyond_reason=result.beyond,
        cautions=[caution_answer(caution) for caution in result.cautions],
        time=seconds,
    )


def caution_answer(caution: Caution) -> CautionAnswer:
    similarity = None if caution.similarity is None else rounded(caution.similarity)
    return CautionAnswer(**{**vars(caution), "similarity": similarity})


def find_answer(result: FindResult, asked: str | None, seconds: float) -> FindAnswer:
    """asked: the model name of the request."""
    collection = result.collection
    return FindAnswer(
        collection=collection.name,
        gallery=GallerySize(subjects=collection.subjects, faces=collection.faces),
        model=asked or collection.model_id,
        model_id=collection.model_id,
        detector_backend=result.detector,
        faces=[_found_face(face, result.choice.note if result.choice else None) for face in result.faces],
        time=seconds,
        **choice_fields(result.choice, result.found),
    )


def _found_face(found: Identification, chosen: str | None) -> FoundFace:
    return FoundFace(
        facial_area=None if found.face is None else area_of(found.face, chosen),
        face_confidence=None if found.face is None else found.face.score,
        quality=None if found.quality is None else quality_of(found.quality),
        decision=found.decision,
        reason=found.reason,
        threshold=rounded(found.rule.similarity),
        threshold_rule=rule_of(found.rule),
        liveness=liveness_answer(found.liveness),
        beyond=None if found.beyond is None else True,
        beyond_reason=found.beyond,
        cautions=[caution_answer(caution) for caution in found.cautions],
        matches=[_match(match) for match in found.matches],
        more_matches=found.more,
    )


def _match(match: Match) -> MatchAnswer:
    return MatchAnswer(
        subject=match.candidate.subject,
        name=match.candidate.name or None,
        face_id=match.candidate.face_id,
        similarity=rounded(match.candidate.similarity),
        distance=rounded(to_distance(match.candidate.similarity, "cosine")),
        score=rounded(match.candidate.score),
        threshold=rounded(match.threshold),
        above_threshold=match.above_threshold,
        metadata=dict(match.candidate.metadata),
    )


def represent_answer(result: PhotoFaces[Template], asked: str | None) -> list[Representation]:
    """asked: the model name of the request."""
    cautions = [caution_answer(caution) for caution in result.cautions]
    return [_representation(template, asked, cautions) for template in result]


def _representation(template: Template, asked: str | None, cautions: list[CautionAnswer]) -> Representation:
    return Representation(
        embedding=template.embedding.tolist(),
        model_name=asked or template.model_id,
        model_id=template.model_id,
        facial_area=area_of(template.face),
        face_confidence=template.face.score,
        cautions=cautions,
    )


def detected_face(face: Face, quality: Quality) -> DetectedFace:
    points = [(round(float(x), 1), round(float(y), 1)) for x, y in face.landmarks]
    known = bool(points) and all(math.isfinite(value) for point in points for value in point)
    return DetectedFace(
        facial_area=area_of(face),
        landmarks=points if known else None,
        face_confidence=face.score,
        quality=quality_of(quality),
    )
