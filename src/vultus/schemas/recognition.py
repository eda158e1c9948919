"""Shapes of the answers of the recognition calls. Boxes and points are in pixels of the upright photo."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from vultus.records.answers import Metric, SearchDecision
from vultus.records.cautions import CautionCode
from vultus.schemas.faces import CHOSEN, FACES_FOUND, FOUND, OTHERS, ChosenFace, FacialArea, OtherFaceAnswer
from vultus.schemas.liveness import LIVENESS_ANSWER, LivenessAnswer, LivenessByImage

NO_PHOTO = "null for a face that was enrolled by its embedding."


class ErrorBody(BaseModel):
    """Every failure has this shape."""

    error: str = Field(description="A stable code for programs.")
    detail: str = Field(description="What happened, and what to do.")
    request_id: str = Field(description="The id of this request, as in x-request-id.")


class Rule(BaseModel):
    """Where the threshold comes from. supported: false when the calibration data cannot support `expected`."""

    kind: Literal["target_fmr", "target_fpir", "explicit"]
    similarity_threshold: float
    score_threshold: float | None = Field(
        default=None,
        exclude_if=lambda score: score is None,
        description="The relative score that decides; similarity_threshold is the cosine that this pair needs for it.",
    )
    expected: float | None
    model_id: str
    supported: bool
    note: str | None
    templates: int | None = Field(default=None, exclude_if=lambda templates: templates is None)


def beyond_field(what: str) -> Any:
    """A field that is there only when it says something."""
    return Field(default=None, exclude_if=lambda value: value is None, description=what)


class CautionAnswer(BaseModel):
    """Why this answer deserves less trust."""

    code: CautionCode
    image: str = Field(
        description="Which image of the request, or its embedding or subject; model_name: about the model."
    )
    detail: str
    subject: str | None = beyond_field("The subject that the face or the id resembles, for keys that may read it.")
    similarity: float | None = beyond_field("Cosine of the face and its most similar one of that subject.")
    index: int | None = beyond_field("Which of the photos, or embeddings, sent, from 0.")
    face: int | None = beyond_field("Which face of the photo, largest first, from 0; with face=all.")


class PhotoAnswer(BaseModel):
    sha256: str
    width: int
    height: int


class NewFaceAnswer(BaseModel):
    subject: str | None = Field(
        default=None, exclude_if=lambda subject: subject is None, description="Whose face it is, with face=all."
    )
    face_id: str
    facial_area: FacialArea | None = Field(description=NO_PHOTO)
    face_confidence: float | None = Field(description=NO_PHOTO)
    quality: dict[str, float] | None = Field(description=f"score and its named parts, 0..100 each; {NO_PHOTO}")
    photo: PhotoAnswer | None = Field(description="null when no photo is kept.")
    created: bool = Field(description="false: the subject had this very photo, or embedding, already.")
    faces_found: int | None = FOUND
    chosen: ChosenFace | None = CHOSEN
    other_faces: list[OtherFaceAnswer] = OTHERS
    liveness: LivenessAnswer | None = LIVENESS_ANSWER


class RejectedAnswer(BaseModel):
    index: int = Field(description="Which of the photos sent, from 0.")
    face: int | None = Field(
        default=None,
        exclude_if=lambda face: face is None,
        description="Which face of the photo, largest first, from 0; with face=all.",
    )
    error: str
    detail: str


class EnrollAnswer(BaseModel):
    subject: str | None = Field(description="null with face=all: each face names its own.")
    name: str | None
    expires_at: AwareDatetime | None = Field(description="When the subject is erased; null: never, by itself.")
    collection: str
    model: str
    model_id: str
    faces: list[NewFaceAnswer]
    rejected: list[RejectedAnswer]
    cautions: list[CautionAnswer] = Field(
        default=[],
        exclude_if=lambda cautions: not cautions,
        description="As in /find; no_photo for embeddings; and where a face or a new id resembles another subject.",
    )
    time: float = Field(description="Seconds.")


class FacialAreas(BaseModel):
    img1: FacialArea | None
    img2: FacialArea | None = Field(description="null when img was compared with a subject.")


class FacesFound(BaseModel):
    img1: int | None
    img2: int | None = Field(description="null when img was compared with a subject.")


class ChosenFaces(BaseModel):
    img1: ChosenFace | None
    img2: ChosenFace | None = Field(description="null when img was compared with a subject.")


class OtherFaces(BaseModel):
    img1: list[OtherFaceAnswer]
    img2: list[OtherFaceAnswer]


class EnrolledFaceAnswer(BaseModel):
    """The face of the subject that the photo was compared with: the most alike."""

    subject: str
    face_id: str
    index: int = Field(description="Its place among the faces of the subject, oldest first, from 0.")
    faces: int = Field(description="How many faces the subject has.")


CAUTIONS: Any = Field(
    default=[],
    exclude_if=lambda cautions: not cautions,
    description="Present when a photo is below the quality floor, shows no face or what looks like a child of under "
    "six, shows another face that may be meant, or more faces than are used, no photo was searched for, another "
    "model than the named one answered, or liveness was judged and is in doubt.",
)


BEYOND = "true: these faces are unlike those that the error rates were measured on; else absent."


class VerifyAnswer(BaseModel):
    verified: bool
    decision: Literal["match", "no_match", "unreliable"] = Field(
        description="unreliable: a photo is too damaged to decide on; reason says what failed, verified is false."
    )
    reason: str
    distance: float
    threshold: float = Field(description="In similarity_metric; verified means distance <= threshold.")
    similarity: float = Field(description="Cosine, -1..1.")
    score: float = Field(description="Relative to other faces, where the model has such scores; else the similarity.")
    model: str = Field(description="The model name that was asked for, else model_id.")
    model_id: str
    detector_backend: str
    similarity_metric: Metric
    facial_areas: FacialAreas
    faces_found: FacesFound = Field(description=f"{FACES_FOUND}, by image.")
    chosen: ChosenFaces = Field(description="The face of each image that was compared.")
    other_faces: OtherFaces = Field(description="The others of each image, most prominent first.")
    enrolled_face: EnrolledFaceAnswer | None = Field(
        default=None, exclude_if=lambda face: face is None, description="With a subject: which of its faces decided."
    )
    expected_fmr: float | None = Field(
        description="The false match rate among people alike that was asked for; null where none can be stated."
    )
    threshold_rule: Rule
    liveness: LivenessByImage | None = LIVENESS_ANSWER
    beyond: Literal[True] | None = beyond_field(BEYOND)
    beyond_reason: str | None = beyond_field("Why.")
    cautions: list[CautionAnswer] = CAUTIONS
    time: float = Field(description="Seconds.")


class MatchAnswer(BaseModel):
    subject: str
    name: str | None
    face_id: str
    similarity: float
    distance: float = Field(description="1 - similarity.")
    score: float = Field(description="By which the lines are ranked: relative to other faces, or the similarity.")
    threshold: float = Field(description="The cosine that this candidate has to reach.")
    above_threshold: bool
    metadata: dict[str, Any]


class FoundFace(BaseModel):
    facial_area: FacialArea | None = Field(description="null when no photo was sent.")
    face_confidence: float | None = Field(description="null when no photo was sent.")
    quality: dict[str, float] | None = Field(description="null when an embedding was sent.")
    decision: SearchDecision
    reason: str
    threshold: float = Field(description="The cosine that the best candidate has to reach.")
    threshold_rule: Rule
    liveness: LivenessAnswer | None = LIVENESS_ANSWER
    beyond: Literal[True] | None = beyond_field(BEYOND)
    beyond_reason: str | None = beyond_field("Why.")
    cautions: list[CautionAnswer] = CAUTIONS
    matches: list[MatchAnswer] = Field(description="One line per subject, best first; at most top_k.")
    more_matches: bool = Field(
        description="Whether further subjects follow, which top_k left out; ask with a higher one, at most 100."
    )


class GallerySize(BaseModel):
    subjects: int
    faces: int


class FindAnswer(BaseModel):
    collection: str
    gallery: GallerySize
    model: str
    model_id: str
    detector_backend: str | None = Field(description="null when no photo was sent.")
    faces_found: int | None = FOUND
    chosen: ChosenFace | None = CHOSEN
    other_faces: list[OtherFaceAnswer] = OTHERS
    faces: list[FoundFace]
    time: float = Field(description="Seconds.")


class Representation(BaseModel):
    embedding: list[float] = Field(description="Of unit length.")
    model_name: str = Field(description="The model name that was asked for, else model_id.")
    model_id: str = Field(description="The model that made the embedding.")
    facial_area: FacialArea
    face_confidence: float
    cautions: list[CautionAnswer] = Field(
        default=[],
        exclude_if=lambda cautions: not cautions,
        description="Present when another model than the named one answered.",
    )


class DetectedFace(BaseModel):
    facial_area: FacialArea
    landmarks: list[tuple[float, float]] | None = Field(
        description="Left eye, right eye, nose, left and right mouth corner; left and right as seen in the photo."
    )
    face_confidence: float
    quality: dict[str, float]


class DetectAnswer(BaseModel):
    faces: list[DetectedFace] = Field(description="Most prominent first; at most as many as the server uses.")
    faces_found: int = Field(description="How many faces the photo shows; more than are listed where a limit cut them.")
