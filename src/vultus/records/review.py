"""What a person should look at: pairs of subjects that may be one, and faces of nobody known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vultus.records.seen import Face, Float32, Quality, Template
from vultus.records.stored import Job


@dataclass(frozen=True)
class SimilarFaces:
    """Two faces of two subjects, by their ids, that are the most alike of these subjects.

    similarity: the cosine. score: as a search has it. threshold: the cosine that the pair has to reach to be taken for
    one person; above: whether it does.
    """

    face_ids: tuple[str, str]
    similarity: float
    score: float
    threshold: float
    above: bool


@dataclass(frozen=True)
class PairedSubject:
    """One of two subjects that may be one person. face_id: of its face that is like one of the other."""

    id: str
    name: str | None
    face_id: str


@dataclass(frozen=True)
class SimilarPair:
    """Two subjects that may be one person; the one that was enrolled first comes first. See `SimilarFaces`."""

    subjects: tuple[PairedSubject, PairedSubject]
    similarity: float
    score: float
    threshold: float
    above: bool


@dataclass(frozen=True)
class SimilarPairs:
    """The pairs that the last search found, the most alike first. more: whether `limit` left out some.

    job: the latest search for them; None: there was none yet.
    """

    pairs: tuple[SimilarPair, ...]
    more: bool
    job: Job | None


@dataclass(frozen=True, eq=False)
class KeptFace:
    """A face of nobody known, to keep. template: with the face in pixels of the crop, upright.

    crop: a square JPEG of crop_side pixels; None where the collection keeps no photos.
    """

    template: Template
    crop: bytes | None
    crop_side: int


@dataclass(frozen=True, eq=False)
class UnknownFace:
    """A face that a search found to be of nobody known, as it is kept. space: of its embedding, (D,)."""

    id: str
    space: int
    embedding: Float32
    face: Face
    quality: Quality
    crop_side: int
    seen_at: datetime


@dataclass(frozen=True)
class UnknownGroup:
    """Faces that look like one person, the one of the best quality first."""

    faces: tuple[UnknownFace, ...]
