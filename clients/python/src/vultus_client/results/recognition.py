"""Results of the recognition calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vultus_client.results.faces import Caution, ChosenFace, FacialArea, Liveness, OtherFace, Photo
from vultus_client.results.record import Record


@dataclass(frozen=True, kw_only=True)
class ThresholdRule(Record):
    """Where a threshold comes from. supported: false when the calibration data cannot support the rate `expected`."""

    kind: str
    similarity_threshold: float
    expected: float | None
    model_id: str
    supported: bool
    note: str | None
    score_threshold: float | None = None
    templates: int | None = None


@dataclass(frozen=True, kw_only=True)
class NewFace(Record):
    """A face of an enrolment. created: false when the subject had this photo already. subject: with face="all"."""

    face_id: str
    facial_area: FacialArea | None
    face_confidence: float | None
    quality: Mapping[str, float] | None
    photo: Photo | None
    created: bool
    subject: str | None = None
    faces_found: int | None = None
    chosen: ChosenFace | None = None
    other_faces: tuple[OtherFace, ...] = ()
    liveness: Liveness | None = None


@dataclass(frozen=True, kw_only=True)
class Rejected(Record):
    """A photo of an enrolment that was refused. index: which of those sent, from 0; face: with face="all"."""

    index: int
    error: str
    detail: str
    face: int | None = None


@dataclass(frozen=True, kw_only=True)
class Enrolment(Record):
    """Answer of `enroll`. subject: None with face="all", where each face names its own. time: seconds."""

    subject: str | None
    name: str | None
    expires_at: datetime | None
    collection: str
    model: str
    model_id: str
    faces: tuple[NewFace, ...]
    rejected: tuple[Rejected, ...]
    time: float
    cautions: tuple[Caution, ...] = ()

    @property
    def created(self) -> bool:
        """Whether a face is new."""
        return any(face.created for face in self.faces)


@dataclass(frozen=True, kw_only=True)
class FacialAreas(Record):
    """By image of the request. img2 is None where a photo was compared with a subject."""

    img1: FacialArea | None
    img2: FacialArea | None


@dataclass(frozen=True, kw_only=True)
class FacesFound(Record):
    """How many faces each image shows."""

    img1: int | None
    img2: int | None


@dataclass(frozen=True, kw_only=True)
class ChosenFaces(Record):
    """The face of each image that was compared."""

    img1: ChosenFace | None
    img2: ChosenFace | None


@dataclass(frozen=True, kw_only=True)
class OtherFaces(Record):
    """The faces of each image that were not compared."""

    img1: tuple[OtherFace, ...]
    img2: tuple[OtherFace, ...]


@dataclass(frozen=True, kw_only=True)
class LivenessByImage(Record):
    """By image of the request; None for one that was not judged."""

    img1: Liveness | None
    img2: Liveness | None


@dataclass(frozen=True, kw_only=True)
class EnrolledFace(Record):
    """The face of the subject that was the most alike. index: its place among the faces of the subject, from 0."""

    subject: str
    face_id: str
    index: int
    faces: int


@dataclass(frozen=True, kw_only=True)
class Verification(Record):
    """Answer of `verify`; true when it is the same person. distance and threshold: in similarity_metric."""

    verified: bool
    decision: str
    reason: str
    distance: float
    threshold: float
    similarity: float
    score: float
    model: str
    model_id: str
    detector_backend: str
    similarity_metric: str
    facial_areas: FacialAreas
    faces_found: FacesFound
    chosen: ChosenFaces
    other_faces: OtherFaces
    expected_fmr: float | None
    threshold_rule: ThresholdRule
    time: float
    enrolled_face: EnrolledFace | None = None
    beyond: bool | None = None
    beyond_reason: str | None = None
    cautions: tuple[Caution, ...] = ()
    liveness: LivenessByImage | None = None

    def __bool__(self) -> bool:
        return self.verified


@dataclass(frozen=True, kw_only=True)
class Match(Record):
    """A candidate of a search. above_threshold: false for those that are listed, and are no match."""

    subject: str
    name: str | None
    face_id: str
    similarity: float
    distance: float
    score: float
    threshold: float
    above_threshold: bool
    metadata: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class FoundFace(Record):
    """A face that was searched. decision: match, ambiguous, unknown or unreliable; matches: best first."""

    facial_area: FacialArea | None
    face_confidence: float | None
    quality: Mapping[str, float] | None
    decision: str
    reason: str
    threshold: float
    threshold_rule: ThresholdRule
    matches: tuple[Match, ...]
    more_matches: bool
    beyond: bool | None = None
    beyond_reason: str | None = None
    cautions: tuple[Caution, ...] = ()
    liveness: Liveness | None = None

    @property
    def best(self) -> Match | None:
        """Who it is; None unless the decision is "match", so never a candidate below the threshold."""
        return self.matches[0] if self.decision == "match" and self.matches else None


@dataclass(frozen=True, kw_only=True)
class GallerySize(Record):
    """How many subjects and faces were searched."""

    subjects: int
    faces: int


@dataclass(frozen=True, kw_only=True)
class Search(Record):
    """Answer of `find`."""

    collection: str
    gallery: GallerySize
    model: str
    model_id: str
    detector_backend: str | None
    faces: tuple[FoundFace, ...]
    time: float
    faces_found: int | None = None
    chosen: ChosenFace | None = None
    other_faces: tuple[OtherFace, ...] = ()

    @property
    def best(self) -> Match | None:
        """Who the first face is; None unless its decision is "match"."""
        return self.faces[0].best if self.faces else None


@dataclass(frozen=True, kw_only=True)
class Representation(Record):
    """A face of `represent`. embedding: of unit length, made by model_id."""

    embedding: tuple[float, ...] = field(repr=False)
    model_name: str
    model_id: str
    facial_area: FacialArea
    face_confidence: float
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Representations(Record):
    """Answer of `represent`, a sequence of its faces, largest first. faces_found: also those beyond the limit."""

    faces: tuple[Representation, ...]
    faces_found: int | None = None

    def __len__(self) -> int:
        return len(self.faces)

    def __iter__(self) -> Iterator[Representation]:
        return iter(self.faces)

    def __getitem__(self, place: int) -> Representation:
        return self.faces[place]


@dataclass(frozen=True, kw_only=True)
class ComparedVector(Record):
    """One target of `compare`. id: yours, or its place from 0."""

    id: str | int
    distance: float
    similarity: float
    score: float
    threshold: float
    verified: bool


@dataclass(frozen=True, kw_only=True)
class Comparison(Record):
    """Answer of `compare`; results in the order given. decision: "unreliable", or None."""

    model_name: str
    model_id: str
    distance_metric: str
    threshold: float
    threshold_rule: ThresholdRule
    results: tuple[ComparedVector, ...]
    decision: str | None = None
    reason: str | None = None
    beyond: bool | None = None
    beyond_reason: str | None = None
    cautions: tuple[Caution, ...] = ()
    faces_found: int | None = None
    chosen: ChosenFace | None = None
    other_faces: tuple[OtherFace, ...] = ()
