"""The shapes of the answers. Boxes and points are in pixels of the upright photo."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from vultus.records import Metric, Scope

Point = tuple[int, int]
IN_DOUBT = "left_eye is the person's own left eye, the right one in the photo; null when the detector gives none."


class ErrorBody(BaseModel):
    """Every failure has this shape."""

    error: str = Field(description="A stable code for programs.")
    detail: str = Field(description="What happened, and what to do.")
    request_id: str = Field(description="The id of this request, as in x-request-id.")


class FacialArea(BaseModel):
    x: int
    y: int
    w: int
    h: int
    left_eye: Point | None = Field(description=IN_DOUBT)
    right_eye: Point | None
    chosen: str | None = Field(
        default=None, exclude_if=lambda chosen: chosen is None, description='How it was chosen, like "largest of 3".'
    )


class Rule(BaseModel):
    """Where the threshold comes from. supported: false when the calibration data cannot support `expected`."""

    kind: Literal["target_fmr", "target_fpir", "explicit"]
    similarity_threshold: float
    expected: float | None
    model_id: str
    supported: bool
    note: str | None
    templates: int | None = Field(default=None, exclude_if=lambda templates: templates is None)


class PhotoAnswer(BaseModel):
    sha256: str
    width: int
    height: int


class NewFaceAnswer(BaseModel):
    face_id: str
    facial_area: FacialArea
    face_confidence: float
    quality: dict[str, float] = Field(description="score and its named parts, 0..100 each.")
    photo: PhotoAnswer
    created: bool = Field(description="false: the subject had this very photo already.")


class RejectedAnswer(BaseModel):
    index: int = Field(description="Which of the photos sent, from 0.")
    error: str
    detail: str


class EnrollAnswer(BaseModel):
    subject: str
    name: str | None
    collection: str
    model: str
    model_id: str
    faces: list[NewFaceAnswer]
    rejected: list[RejectedAnswer]
    time: float = Field(description="Seconds.")


class FacialAreas(BaseModel):
    img1: FacialArea | None
    img2: FacialArea | None = Field(description="null when img was compared with a subject.")


class CautionAnswer(BaseModel):
    """Why this answer deserves less trust."""

    code: Literal["low_quality"]
    image: str = Field(description="Which image of the request.")
    detail: str


CAUTIONS: Any = Field(
    default=[], exclude_if=lambda cautions: not cautions, description="Present when a photo is below the quality floor."
)


class VerifyAnswer(BaseModel):
    verified: bool
    distance: float
    threshold: float = Field(description="In similarity_metric; verified means distance <= threshold.")
    similarity: float = Field(description="Cosine, -1..1.")
    model: str = Field(description="The model name that was asked for, else model_id.")
    model_id: str
    detector_backend: str
    similarity_metric: Metric
    facial_areas: FacialAreas
    expected_fmr: float | None = Field(description="The false match rate asked for; null with an explicit threshold.")
    threshold_rule: Rule
    cautions: list[CautionAnswer] = CAUTIONS
    time: float = Field(description="Seconds.")


class MatchAnswer(BaseModel):
    subject: str
    name: str | None
    face_id: str
    similarity: float
    distance: float = Field(description="1 - similarity.")
    above_threshold: bool
    metadata: dict[str, Any]


class FoundFace(BaseModel):
    facial_area: FacialArea
    face_confidence: float
    quality: dict[str, float]
    decision: Literal["match", "ambiguous", "unknown"]
    reason: str
    threshold: float = Field(description="A cosine similarity.")
    threshold_rule: Rule
    cautions: list[CautionAnswer] = CAUTIONS
    matches: list[MatchAnswer] = Field(description="One line per subject, best first.")


class GallerySize(BaseModel):
    subjects: int
    faces: int


class FindAnswer(BaseModel):
    collection: str
    gallery: GallerySize
    model: str
    model_id: str
    detector_backend: str
    faces: list[FoundFace]
    time: float = Field(description="Seconds.")


class Representation(BaseModel):
    embedding: list[float] = Field(description="Of unit length.")
    model_name: str
    model_id: str
    facial_area: FacialArea
    face_confidence: float


class DetectedFace(BaseModel):
    facial_area: FacialArea
    landmarks: list[tuple[float, float]] | None = Field(
        description="Left eye, right eye, nose, left and right mouth corner; left and right as seen in the photo."
    )
    face_confidence: float
    quality: dict[str, float]


class DetectAnswer(BaseModel):
    faces: list[DetectedFace]


# --- resources ----------------------------------------------------------------------------------------------------


class SearchAnswer(BaseModel):
    """How a collection is searched just now."""

    kind: Literal["exact", "pq"] = Field(
        description="exact: every face is compared. pq: all but the indexed faces, and those of them it chooses."
    )
    recall: float = Field(
        ge=0, le=1, description="The share of probes whose most similar subject is found: the lower of the next two."
    )
    recall_mated: float = Field(ge=0, le=1, description="Of probes that show an enrolled person; 1 when exact.")
    recall_non_mated: float = Field(ge=0, le=1, description="Of probes that show nobody enrolled; 1 when exact.")
    indexed_faces: int = Field(description="How many faces are in the index; 0 when exact.")
    candidates: int = Field(description="How many of those a probe is compared with; 0 when exact.")
    building: bool = Field(description="An index is being made in the background.")


class CollectionAnswer(BaseModel):
    collection: str
    model: str = Field(description="The id of the recognition model that the collection is bound to.")
    dimension: int
    subjects: int
    faces: int
    created_at: AwareDatetime
    search: SearchAnswer


class CollectionList(BaseModel):
    collections: list[CollectionAnswer]


class SubjectAnswer(BaseModel):
    subject: str
    collection: str
    name: str | None
    metadata: dict[str, Any]
    faces: int
    created_at: AwareDatetime


class SubjectPage(BaseModel):
    subjects: list[SubjectAnswer]
    next_cursor: str | None = Field(description="Send it as cursor for the next page; null at the end.")


class FaceAnswer(BaseModel):
    face_id: str
    subject: str
    collection: str
    facial_area: FacialArea
    face_confidence: float
    quality: dict[str, float]
    photo: PhotoAnswer
    model_id: str
    created_at: AwareDatetime


class FaceList(BaseModel):
    faces: list[FaceAnswer]


class Removed(BaseModel):
    faces: int
    photos: int


class RemovedSubjects(Removed):
    subjects: int


class DeletedCollection(BaseModel):
    collection: str
    deleted: RemovedSubjects


class DeletedSubject(BaseModel):
    subject: str
    deleted: Removed


class DeletedFace(BaseModel):
    face_id: str
    deleted: Removed


class KeyAnswer(BaseModel):
    """A key as it is remembered: never the key itself."""

    id: str
    name: str
    scopes: list[Scope]
    collections: list[str] | None
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    requests_per_minute: int | None
    last_used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


class NewKeyAnswer(KeyAnswer):
    key: str = Field(description="The key. It is shown this once.")


class RotatedKeyAnswer(NewKeyAnswer):
    old_key_until: AwareDatetime = Field(description="Until then the old secret works too.")


class KeyList(BaseModel):
    keys: list[KeyAnswer]


class Health(BaseModel):
    status: str
