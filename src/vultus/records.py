"""The nouns of Vultus as frozen dataclasses: the file to read first.

Arrays are numpy; a box is (x_min, y_min, x_max, y_max) in pixels of the upright image; landmarks are (5, 2), x then y,
in the order left eye, right eye, nose, left mouth corner, right mouth corner, left and right as seen in the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
RGB = NDArray[np.uint8]  # (H, W, 3), upright
Box = tuple[float, float, float, float]
Scope = Literal["enroll", "verify", "find", "represent", "read", "erase", "override", "admin"]
SCOPES: tuple[Scope, ...] = ("enroll", "verify", "find", "represent", "read", "erase", "override", "admin")
Metric = Literal["cosine", "euclidean", "euclidean_l2"]


# --- what a model needs -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InputRule:
    """How a crop becomes the network's input: (pixel - mean) / scale, in this channel order, NCHW or NHWC.

    per_image: mean and scale are those of each crop, all its channels together, and not the two numbers given here.
    """

    width: int
    height: int
    channels: Literal["RGB", "BGR"]
    layout: Literal["NCHW", "NHWC"]
    mean: float
    scale: float
    per_image: bool = False


@dataclass(frozen=True)
class CropRule:
    """Where the five landmarks lie in the crop, and by how much the crop is stretched horizontally.

    template: five (x, y) in pixels of the crop. horizontal_stretch: a similarity is fitted to the template with x
    shrunk by this factor about the crop's centre, then x is scaled by the factor.
    """

    template: tuple[tuple[float, float], ...]
    horizontal_stretch: float = 1.0


# --- what the vision pipeline sees --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Photograph:
    """A decoded image: `pixels` (H, W, 3) uint8 RGB, upright, perhaps reduced while decoding.

    width, height: the size of the upright original; `reduction` = original size / decoded size, >= 1.
    """

    pixels: RGB
    width: int
    height: int
    reduction: float = 1.0


@dataclass(frozen=True, eq=False)
class Face:
    """One detected face: box and landmarks in pixels of the image given to the detector, score in 0..1.

    landmark_shift: how far two networks put the landmarks apart, mean, in eye distances; None when only one did.
    """

    box: Box
    landmarks: Float32
    score: float
    landmark_shift: float | None = None

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)


@dataclass(frozen=True)
class Quality:
    """0..100, higher predicts fewer false non-matches; `parts` are the named scores, 0..100 each.

    version: of the rule that made the score; scores of two versions do not compare.
    """

    score: float
    parts: Mapping[str, float]
    version: int = 1


@dataclass(frozen=True, eq=False)
class ModelEmbedding:
    """An embedding, (D,) float32 of unit length, and the model that made it."""

    embedding: Float32
    model_id: str


@dataclass(frozen=True, eq=False)
class Template(ModelEmbedding):
    """A comparable face: its embedding, and the face it came from, in pixels of the upright original photo."""

    face: Face
    quality: Quality


# --- what is stored -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CollectionPolicies:
    """Limits that a collection sets to its requests, in place of the server's defaults; None: no limit.

    A request may be stricter; a looser one needs the scope `override`. min_quality: the lowest floor of an enrolment,
    0..100. target_fmr, target_fpir: the highest error rates of /verify and /find, in (0, 1). store_photos: whether the
    photos of its faces are kept.
    """

    min_quality: float | None = None
    target_fmr: float | None = None
    target_fpir: float | None = None
    store_photos: bool = True


@dataclass(frozen=True)
class Collection:
    """One named gallery, bound to one recognition model and preprocessing version.

    revision: raised by every change of its faces, in the same transaction.
    """

    name: str
    model_id: str
    pipeline_version: int
    dimension: int
    revision: int
    created_at: datetime
    subjects: int = 0
    faces: int = 0
    policies: CollectionPolicies = CollectionPolicies()


@dataclass(frozen=True)
class Subject:
    """A person in a collection. `id` is the caller's own identifier, or one made by us."""

    id: str
    collection: str
    name: str | None
    metadata: Mapping[str, Any]
    created_at: datetime
    faces: int = 0


@dataclass(frozen=True)
class Undo:
    """How long a change of subjects can be undone, and by which id."""

    id: str
    until: datetime


@dataclass(frozen=True)
class Photo:
    """One stored photo. sha256: of the stored JPEG, its key. source_sha256: of the bytes the caller sent.

    A face that moved to a subject with a face of the same photo has another source_sha256, see storage/face_moves.py.
    """

    sha256: str
    source_sha256: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True)
class EnrolledFace:
    """A face in the gallery. box and landmarks: pixels of the upright original photo.

    photo: None when no photo is kept. box, detector_score, quality: None for a face that was enrolled by its embedding;
    it has no landmarks. source_size: width and height of the upright original photo, None where they are not known.
    """

    id: str
    collection: str
    subject: str
    photo: Photo | None
    box: Box | None
    landmarks: tuple[tuple[float, float], ...]
    detector_score: float | None
    quality: Quality | None
    model_id: str
    created_at: datetime
    source_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class NewFace:
    """What `Gallery.add_faces` stores: an embedding, with its face and quality when it is a `Template`.

    photo: None when no photo is kept; then `digest` identifies what the caller sent. source_size: width and height of
    the upright original photo.
    """

    template: ModelEmbedding
    photo: Photo | None = None
    digest: str = ""
    source_size: tuple[int, int] | None = None

    @property
    def source_sha256(self) -> str:
        """The sha256 of what the caller sent: a subject has each source once."""
        return self.photo.source_sha256 if self.photo else self.digest


@dataclass(frozen=True)
class ApiKey:
    """An API key as it is stored: never the key itself. collections: None means all."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    collections: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    requests_per_minute: int | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class KeyRotation:
    """A key with its new secret, which is shown this once; the old one works until `old_until`."""

    key: ApiKey
    secret: str
    old_until: datetime


@dataclass(frozen=True)
class AuditLine:
    """One line of the audit. outcome: "ok" or the code of an error. number: its place, 0 before it is stored."""

    actor: str
    action: str
    collection: str | None = None
    objects: tuple[str, ...] = ()
    object_count: int = 0
    outcome: str = "ok"
    request_id: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    number: int = 0


# --- what is answered ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """One line of a search result: the best face of one subject. similarity: cosine in [-1, 1]."""

    subject: str
    face_id: str
    similarity: float


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
    """One accepted photo of an enrolment; created: False when the subject had this very photo already."""

    face: EnrolledFace
    created: bool


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
