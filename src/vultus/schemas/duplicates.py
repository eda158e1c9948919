"""Pairs of subjects that may be one person: the fields, the answers, and the converters."""

from __future__ import annotations

from pydantic import BaseModel, Field

from vultus.records.review import SimilarPair, SimilarPairs
from vultus.schemas.field_types import Flag, KnownSubjectId
from vultus.schemas.jobs import JobAnswer, job_answer
from vultus.schemas.requests import CallFields


class DismissFields(CallFields):
    """POST /collections/{collection}/duplicates/dismiss."""

    subject: KnownSubjectId = Field(description="One subject.")
    other: KnownSubjectId = Field(description="The other one.")
    dismissed: Flag = Field(True, description="false: take it back, so that the pair is listed again.")


class PairedSubjectAnswer(BaseModel):
    subject: str
    name: str | None
    face_id: str = Field(description="Its face that is like one of the other subject.")


class SimilarPairAnswer(BaseModel):
    """Two subjects that may be one person."""

    first: PairedSubjectAnswer
    second: PairedSubjectAnswer
    similarity: float = Field(description="The cosine of the two faces.")
    score: float = Field(description="As in /find: relative to other faces, where the model has that.")
    threshold: float = Field(description="The cosine from which on /find would take one for the other.")
    above_threshold: bool


class DuplicatesAnswer(BaseModel):
    collection: str
    pairs: list[SimilarPairAnswer] = Field(description="The most alike first, without those dismissed.")
    more_pairs: bool = Field(description="Whether `limit` left out some.")
    job: JobAnswer | None = Field(description="The latest search; null: there was none yet.")


class DismissedAnswer(BaseModel):
    subject: str
    other: str
    dismissed: bool


def duplicates_answer(collection: str, found: SimilarPairs) -> DuplicatesAnswer:
    return DuplicatesAnswer(
        collection=collection,
        pairs=[_pair(one) for one in found.pairs],
        more_pairs=found.more,
        job=None if found.job is None else job_answer(found.job),
    )


def _pair(pair: SimilarPair) -> SimilarPairAnswer:
    first, second = (PairedSubjectAnswer(subject=one.id, name=one.name, face_id=one.face_id) for one in pair.subjects)
    return SimilarPairAnswer(
        first=first,
        second=second,
        similarity=pair.similarity,
        score=pair.score,
        threshold=pair.threshold,
        above_threshold=pair.above,
    )
