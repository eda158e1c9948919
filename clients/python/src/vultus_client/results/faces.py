"""Faces in photos: areas, which one was chosen, its quality, cautions. Boxes and points are in pixels of the photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vultus_client.results.record import Record


@dataclass(frozen=True, kw_only=True)
class FacialArea(Record):
    """A box and the eyes, in pixels of the upright photo. left_eye: the person's own left eye, (x, y).

    rotation: by how many degrees clockwise the photo had to be turned. chosen: how it was chosen, in words.
    """

    x: int
    y: int
    w: int
    h: int
    left_eye: tuple[int, ...] | None
    right_eye: tuple[int, ...] | None
    chosen: str | None = None
    rotation: int = 0


@dataclass(frozen=True, kw_only=True)
class ChosenFace(Record):
    """Which face of a photo an answer is about, and why. index: its place as `detect` lists them, from 0."""

    rule: str
    index: int | None
    facial_area: FacialArea
    detail: str


@dataclass(frozen=True, kw_only=True)
class OtherFace(Record):
    """A face of the photo that the answer is not about. prominence: as a share of that of the chosen face."""

    facial_area: FacialArea
    face_confidence: float
    quality: Mapping[str, float]
    prominence: float


@dataclass(frozen=True, kw_only=True)
class Caution(Record):
    """Why an answer deserves less trust, or an enrolment a look. index, face: which photo, and face of it, from 0."""

    code: str
    image: str
    detail: str
    subject: str | None = None
    similarity: float | None = None
    index: int | None = None
    face: int | None = None


@dataclass(frozen=True, kw_only=True)
class LivenessRule(Record):
    """Where a threshold of liveness comes from. bpcer: the share of live faces below it; None: not known."""

    bpcer: float | None
    source: str


@dataclass(frozen=True, kw_only=True)
class Liveness(Record):
    """Whether a face is live or a picture of a face. decision: live, attack or unjudged. scores: of each photo, 0..1.

    score: their mean; None when unjudged.
    """

    decision: str
    score: float | None
    threshold: float
    rule: LivenessRule
    model_id: str
    frames: int
    scores: tuple[float, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Photo(Record):
    """A stored photo."""

    sha256: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class DetectedFace(Record):
    """A face of `detect`. landmarks: five (x, y), eyes, nose, mouth corners, as seen in the photo."""

    facial_area: FacialArea
    landmarks: tuple[tuple[float, ...], ...] | None
    face_confidence: float
    quality: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Detection(Record):
    """Answer of `detect`: the faces, most prominent first. faces_found: more than are listed where a limit cut them."""

    faces: tuple[DetectedFace, ...]
    faces_found: int
