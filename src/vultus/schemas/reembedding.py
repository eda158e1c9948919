"""Re-embedding: the fields of the calls, their answers, and the converters."""

from __future__ import annotations

from pydantic import BaseModel, Field

from vultus.records.embedding_spaces import OtherSpace, Reembedding, SpaceState
from vultus.schemas.jobs import JobAnswer, job_answer
from vultus.schemas.requests import CallFields


class ReembedFields(CallFields):
    """POST /collections/{collection}/reembed."""

    model: str | None = Field(None, max_length=128, description="Recognition model, by id or alias. Default: its own.")
    drop_missing: bool = Field(
        False, description="Leave out the faces that cannot be embedded again: they stay stored, and are not searched."
    )


class OtherSpaceAnswer(BaseModel):
    model: str
    pipeline_version: int
    state: SpaceState = Field(
        description="filling: before the switch; kept: the former embeddings, after it; removing: being erased."
    )
    embedded: int = Field(description="How many faces have an embedding there.")
    missing: int = Field(description="How many faces cannot have one.")


class MissingFace(BaseModel):
    face_id: str
    reason: str


class ReembeddingAnswer(BaseModel):
    collection: str
    model: str = Field(description="Whose embeddings are searched now.")
    pipeline_version: int
    other: OtherSpaceAnswer | None = Field(description="The embeddings beside those; null: there are none.")
    job: JobAnswer | None = Field(description="The latest re-embedding; null: there was none.")
    missing: list[MissingFace] = Field(
        description="Before the switch: faces that cannot be embedded again. After it: those that were left out."
    )
    next_cursor: str | None = Field(description="Send it as cursor for more missing faces; null at the end.")


def reembedding_answer(found: Reembedding, next_cursor: str | None = None) -> ReembeddingAnswer:
    return ReembeddingAnswer(
        collection=found.collection.name,
        model=found.collection.model_id,
        pipeline_version=found.collection.pipeline_version,
        other=None if found.other is None else _other(found.other),
        job=None if found.job is None else job_answer(found.job),
        missing=[MissingFace(face_id=one.face_id, reason=one.reason) for one in found.missing],
        next_cursor=next_cursor,
    )


def _other(other: OtherSpace) -> OtherSpaceAnswer:
    return OtherSpaceAnswer(
        model=other.space.model_id,
        pipeline_version=other.space.pipeline_version,
        state=other.state,
        embedded=other.embedded,
        missing=other.missing,
    )
