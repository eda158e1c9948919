"""Results about what a person should look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vultus_client.results.jobs import Job
from vultus_client.results.record import Record


@dataclass(frozen=True, kw_only=True)
class PairedSubject(Record):
    """One of two subjects that may be one person. face_id: of its face that is like one of the other."""

    subject: str
    name: str | None
    face_id: str


@dataclass(frozen=True, kw_only=True)
class SimilarPair(Record):
    """Two subjects that may be one person. threshold: the cosine from which on a search takes one for the other."""

    first: PairedSubject
    second: PairedSubject
    similarity: float
    score: float
    threshold: float
    above_threshold: bool


@dataclass(frozen=True, kw_only=True)
class Duplicates(Record):
    """What the last search for duplicates found. job: the latest search; None: there was none yet."""

    collection: str
    pairs: tuple[SimilarPair, ...]
    more_pairs: bool
    job: Job | None


@dataclass(frozen=True, kw_only=True)
class Dismissed(Record):
    """Whether two subjects are known to be different people."""

    subject: str
    other: str
    dismissed: bool


@dataclass(frozen=True, kw_only=True)
class UnknownFace(Record):
    """A face of nobody known, seen by a search. quality: 0..100."""

    id: str
    seen_at: datetime
    quality: float


@dataclass(frozen=True, kw_only=True)
class UnknownGroup(Record):
    """Unknown faces that look like one person, that of the best quality first."""

    faces: tuple[UnknownFace, ...]
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, kw_only=True)
class Unknown(Record):
    """The unknown faces that a collection keeps. keep_days: how long; None: it keeps none.

    faces: how many are listed, also those that the limit left out. ignored_faces: how many are ignored.
    """

    collection: str
    keep_days: int | None
    faces: int
    ignored_faces: int
    groups: tuple[UnknownGroup, ...]
    more_groups: bool


@dataclass(frozen=True, kw_only=True)
class Assigned(Record):
    """Whose the faces are now. face_ids: as they are enrolled."""

    subject: str
    name: str | None
    collection: str
    face_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Ignored(Record):
    """Unknown faces that are not listed, or are again. faces: how many of those named are still kept."""

    collection: str
    faces: int
    ignored: bool


@dataclass(frozen=True, kw_only=True)
class Forgotten(Record):
    """How many unknown faces were erased."""

    collection: str
    erased: int
