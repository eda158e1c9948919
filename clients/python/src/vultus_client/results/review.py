"""Results about what a person should look at."""

from __future__ import annotations

from dataclasses import dataclass

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
