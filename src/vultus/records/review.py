"""What a person should look at: pairs of subjects that may be one, and faces of nobody known."""

from __future__ import annotations

from dataclasses import dataclass

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
