"""What the use cases answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vultus.records.cautions import Caution
from vultus.records.chosen import FaceChoice
from vultus.records.liveness import LivenessVerdict
from vultus.records.seen import Face, Quality
from vultus.records.stored import Collection, EnrolledFace, Subject, Undo

Metric = Literal["cosine", "euclidean", "euclidean_l2"]


@dataclass(frozen=True)
class Candidate:
    """One line of a search result: the best face of one subject.

    similarity: cosine in [-1, 1]. score: by which lines are ranked; the similarity less what the cohorts of both sides
    take off where a search has a rule for that (see `search/cohort.py`), else the similarity. name, metadata: of the
    subject, as of the moment its id is of.
    """

    subject: str
    face_id: str
    similarity: float
    score: float = math.nan  # not given: the similarity
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if math.isnan(self.score):
            object.__setattr__(self, "score", self.similarity)


@dataclass(frozen=True)
class ThresholdRule:
    """Where a threshold came from.

    kind: "target_fmr", "target_fpir" or "explicit". similarity: the cosine at or above which a comparison matches.
    expected: the error rate asked for (None when explicit). supported: False when the calibration data cannot
    support that rate; `note` says why in words. score: the relative score at or above which it matches; then the cosine
    is that of one pair, see `at`; None: the cosine alone decides.
    """

    kind: Literal["target_fmr", "target_fpir", "explicit"]
    similarity: float
    expected: float | None
    model_id: str
    templates: int | None = None
    supported: bool = True
    note: str | None = None
    score: float | None = None

    def at(self, similarity: float, score: float) -> ThresholdRule:
        """The rule of a pair of this similarity and score: with the cosine that the pair would have to reach."""
        return self if self.score is None else replace(self, similarity=self.score + (similarity - score))

    def reached(self, similarity: float, score: float) -> bool:
        """Whether a pair matches."""
        return similarity >= self.similarity if self.score is None else score >= self.score

    def without_rate(self, note: str) -> ThresholdRule:
        """The rule where no error rate can be stated, and why."""
        return replace(self, expected=None, supported=False, note=note)


@dataclass(frozen=True)
class ComparedFace:
    """The enrolled face of a subject that a photo was compared with. index: its place among the `faces` of the subject,
    oldest first, from 0."""

    subject: str
    face_id: str
    index: int
    faces: int


@dataclass(frozen=True)
class Verification:
    """The answer to a 1:1 comparison. choices: which face of each photo; None for an enrolled subject.

    score: relative to a cohort where the rule has a score, else the similarity. reason: of the decision, in words.
    beyond: why the error rates may not hold for these faces; None when they do. enrolled: the face that was compared
    with, the most alike of its subject; None for two photos. liveness: of each photo that was judged.
    """

    decision: Literal["match", "no_match", "unreliable"]
    reason: str
    similarity: float
    score: float
    rule: ThresholdRule
    metric: Metric
    model_id: str
    detector: str
    faces: tuple[Face | None, Face | None]
    choices: tuple[FaceChoice | None, FaceChoice | None]
    enrolled: ComparedFace | None = None
    beyond: str | None = None
    cautions: tuple[Caution, ...] = ()
    liveness: tuple[LivenessVerdict, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether it is a match."""
        return self.decision == "match"


@dataclass(frozen=True)
class Comparison:
    """The answer to a comparison of one source with many vectors: a cosine and a score for each, in the order given.

    unreliable: why nothing is decided, as the photo is too bad; None when it is not. no_face: none was found in it.
    beyond: why the error rates may not hold for these faces. choice: which face of the photo; None without one.
    """

    similarities: tuple[float, ...]
    scores: tuple[float, ...]
    rule: ThresholdRule
    metric: Metric
    model_id: str
    unreliable: str | None = None
    cautions: tuple[Caution, ...] = ()
    no_face: bool = False
    beyond: str | None = None
    choice: FaceChoice | None = None

    def matches(self) -> tuple[bool, ...]:
        """Whether each vector matches."""
        if self.unreliable is not None or self.no_face:
            return (False,) * len(self.similarities)
        return tuple(self.rule.reached(*pair) for pair in zip(self.similarities, self.scores, strict=True))


@dataclass(frozen=True)
class Match:
    """A candidate beside the cosine that it has to reach, the threshold."""

    candidate: Candidate
    above_threshold: bool
    threshold: float


SearchDecision = Literal["match", "ambiguous", "unknown", "unreliable"]


@dataclass(frozen=True)
class Identification:
    """The answer to a 1:N search for one face. Below the threshold is never called a match.

    rule: with the cosine that the best candidate has to reach. beyond: why the error rates may not hold for this face,
    in words. face, quality: None where no photo was searched with; an enrolled face has its stored quality. more: there
    are further candidates, which were not asked for. liveness: None where it was not judged.
    """

    face: Face | None
    quality: Quality | None
    decision: SearchDecision
    reason: str
    rule: ThresholdRule
    matches: tuple[Match, ...]
    beyond: str | None = None
    cautions: tuple[Caution, ...] = ()
    more: bool = False
    liveness: LivenessVerdict | None = None


@dataclass(frozen=True)
class FindResult:
    """The answer to a search. detector, found (how many faces the photo shows): None where no photo was searched with.

    choice: which face was searched; None where all were, or no photo was sent.
    """

    collection: Collection
    detector: str | None
    faces: tuple[Identification, ...]
    found: int | None = None
    choice: FaceChoice | None = None


@dataclass(frozen=True)
class EnrolledPhoto:
    """One accepted photo of an enrolment; created: False when the subject had this very photo already.

    rotation: the degrees clockwise by which the photo was turned to be stored upright. Where it is not 0, box and
    landmarks of the face are those in the photo as sent. choice, liveness: which face of the photo, and whether it is
    live; None where it was not looked at.
    """

    face: EnrolledFace
    created: bool
    rotation: int = 0
    choice: FaceChoice | None = None
    liveness: LivenessVerdict | None = None


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
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class MovedFace:
    """The answer to a move: the face as it is now. created: whether its subject is new."""

    face: EnrolledFace
    undo: Undo
    created: bool
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class Undone:
    """The answer to an undo. action: what was undone. subject: the one that has its id or faces again.

    other: the id of the subject that had the faces meanwhile; of a rename, the id that the subject had meanwhile.
    """

    action: str
    subject: Subject
    moved: int
    other: str


@dataclass(frozen=True)
class Deleted:
    """What an erasure removed. subject: the id of the one that was erased, as it was stored.

    other_spellings: ids that are the same text in other code points, which are still there. photos_left: photos that
    could not be removed at once, as their storage did not answer; a server removes them later.
    """

    subjects: int
    faces: int
    photos: int
    subject: str | None = None
    other_spellings: tuple[str, ...] = ()
    photos_left: int = 0
