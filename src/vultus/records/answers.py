"""What the use cases answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vultus.records.seen import Face, Quality
from vultus.records.stored import Collection, EnrolledFace, Subject, Undo

Metric = Literal["cosine", "euclidean", "euclidean_l2"]


@dataclass(frozen=True)
class Candidate:
    """One line of a search result: the best face of one subject.

    similarity: cosine in [-1, 1]. score: by which lines are ranked; the similarity less what the cohorts of both sides
    take off where a search has a rule for that (see `search/cohort.py`), else the similarity.
    """

    subject: str
    face_id: str
    similarity: float
    score: float = math.nan  # not given: the similarity

    def __post_init__(self) -> None:
        if math.isnan(self.score):
            object.__setattr__(self, "score", self.similarity)


@dataclass(frozen=True)
class ThresholdRule:
    """Where a threshold came from.

    kind: "target_fmr", "target_fpir" or "explicit". similarity: the cosine at or above which a comparison matches.
    expected: the error rate asked for (None when explicit). supported: False when the calibration data cannot
    support that rate; `note` says why in words.
    """

    kind: Literal["target_fmr", "target_fpir", "explicit"]
    similarity: float
    expected: float | None
    model_id: str
    templates: int | None = None
    supported: bool = True
    note: str | None = None


@dataclass(frozen=True)
class Caution:
    """Why an answer deserves less trust. image: the name of the image, or of the embedding, in the request."""

    code: Literal["low_quality", "no_photo"]
    image: str
    detail: str


@dataclass(frozen=True)
class Verification:
    """The answer to a 1:1 comparison. chosen: how a face was chosen among several, per image; None if it was alone.

    face_id: the enrolled face that was compared with, the most alike of its subject; None for two photos.
    """

    verified: bool
    similarity: float
    rule: ThresholdRule
    metric: Metric
    model_id: str
    detector: str
    faces: tuple[Face | None, Face | None]
    chosen: tuple[str | None, str | None]
    face_id: str | None = None
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """The answer to a comparison of one source with many vectors: a cosine for each, in the order given."""

    similarities: tuple[float, ...]
    rule: ThresholdRule
    metric: Metric
    model_id: str


@dataclass(frozen=True)
class Match:
    """A candidate with what is known of its subject."""

    candidate: Candidate
    name: str | None
    metadata: Mapping[str, Any]
    above_threshold: bool


@dataclass(frozen=True)
class Identification:
    """The answer to a 1:N search for one face. Below the threshold is never called a match.

    face, quality: None where no photo was searched with; an enrolled face has its stored quality.
    """

    face: Face | None
    quality: Quality | None
    decision: Literal["match", "ambiguous", "unknown"]
    reason: str
    rule: ThresholdRule
    matches: tuple[Match, ...]
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class FindResult:
    """The answer to a search. detector: None where no photo was searched with."""

    collection: Collection
    detector: str | None
    faces: tuple[Identification, ...]


@dataclass(frozen=True)
class EnrolledPhoto:
    """One accepted photo of an enrolment; created: False when the subject had this very photo already.

    rotation: the degrees clockwise by which the photo was turned to be stored upright. Where it is not 0, box and
    landmarks of the face are those in the photo as sent.
    """

    face: EnrolledFace
    created: bool
    rotation: int = 0


@dataclass(frozen=True)
class RejectedPhoto:
    """One refused photo of an enrolment: its index among the photos sent, the error's code and sentence.

    face: the refused face of the photo, largest first from 0; None where the photo as a whole is refused.
    """

    index: int
    error: str
    detail: str
    face: int | None = None


@dataclass(frozen=True)
class EnrollResult:
    """The answer to an enrolment. subject: None where the faces are of several subjects."""

    subject: Subject | None
    collection: Collection
    faces: tuple[EnrolledPhoto, ...]
    rejected: tuple[RejectedPhoto, ...]
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class ChangedSubject:
    """The answer to a rename or a merge: the subject as it is now. moved: how many faces came to it."""

    subject: Subject
    undo: Undo
    moved: int = 0


@dataclass(frozen=True)
class MovedFace:
    """The answer to a move: the face as it is now. created: whether its subject is new."""

    face: EnrolledFace
    undo: Undo
    created: bool


@dataclass(frozen=True)
class Undone:
    """The answer to an undo. action: what was undone. subject: the one that has its id or faces again."""

    action: str
    subject: Subject
    moved: int


@dataclass(frozen=True)
class Deleted:
    """What an erasure removed."""

    subjects: int
    faces: int
    photos: int
