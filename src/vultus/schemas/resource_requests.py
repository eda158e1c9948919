"""The fields of the calls that change collections, subjects and API keys. Unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vultus.errors import InvalidRequest
from vultus.identifiers import ADMIN_BY_COMMAND, DEFAULT_OVERLAP_MINUTES, MAX_OVERLAP_MINUTES
from vultus.records.liveness import LivenessMode
from vultus.records.stored import CollectionPolicies, Scope
from vultus.schemas.field_types import (
    Blank,
    CollectionName,
    Count,
    FaceIdOrBlank,
    Flag,
    FutureMoment,
    JsonObject,
    Metadata,
    ModelName,
    PersonName,
    PlainInteger,
    Rate,
    RetentionDays,
    Score,
    UnknownDays,
)
from vultus.schemas.requests import CallFields


class PolicyFields(BaseModel):
    """The policies of a collection in PUT and PATCH."""

    model_config = ConfigDict(extra="forbid")

    min_quality: Score | None = Field(None, description="The lowest min_quality of /enroll, 0..100.")
    target_fmr: Rate | None = Field(None, description="The highest target_fmr of /verify with a subject.")
    target_fpir: Rate | None = Field(None, description="The highest target_fpir of /find.")
    store_photos: Flag | None = Field(
        None,
        description="Whether photos are kept; without them no face can be shown, or embedded again by another model.",
    )
    retention_days: RetentionDays | None = Field(
        None, description="A subject is erased so many days after the last enrolment of a face of it, within an hour."
    )
    liveness: LivenessMode | None = Field(
        None, description="The least liveness of /verify with a subject, /find and /enroll: report, or require."
    )
    keep_unknown_days: UnknownDays | None = Field(
        None, description="Keep faces that /find found to be of nobody known for review, so many days. Default: none."
    )


class CollectionFields(CallFields):
    """PUT /collections/{collection}."""

    model: ModelName = Field(None, description="Recognition model of a new collection. Default: the server's.")
    policies: Annotated[PolicyFields, JsonObject] | None = Field(
        None, description="Policies of a new collection. Default: none."
    )

    def wanted_policies(self) -> CollectionPolicies | None:
        """All policies, those that are absent or null by their defaults; None when none were sent."""
        if self.policies is None:
            return None
        sent = self.policies.model_dump()
        return CollectionPolicies(**{name: value for name, value in sent.items() if value is not None})


class CollectionChanges(CallFields):
    """PATCH /collections/{collection}: what is absent stays as it is."""

    policies: Annotated[PolicyFields, JsonObject] = Field(
        description="The policies to change; null takes one away, an absent one stays."
    )

    def changes(self) -> dict[str, Any]:
        """The policies that were sent, by name; None: to take away. Raises InvalidRequest, when none was."""
        sent = self.policies.model_dump(exclude_unset=True)
        if not sent:
            raise InvalidRequest(f"no policy to change was sent; send one of {', '.join(PolicyFields.model_fields)}")
        return sent


class SubjectFields(CallFields):
    """PATCH /collections/{collection}/subjects/{subject}: what is absent stays as it is."""

    name: PersonName | None = Field(None, description="The new name; an empty one removes it.")
    metadata: Metadata | None = Field(None, description="The new metadata, in place of the old.")
    expires_at: Annotated[FutureMoment | None, Blank] = Field(
        None, description="When the subject is erased, with time zone; an empty text takes the expiry away."
    )
    cover_face: FaceIdOrBlank | None = Field(
        None, description="The face to show it by; an empty text: the one of the best quality again."
    )

    @model_validator(mode="after")
    def _at_least_one_change(self) -> Self:
        given = (self.name, self.metadata, self.cover_face)
        if all(one is None for one in given) and "expires_at" not in self.model_fields_set:
            raise ValueError("nothing to change was sent; send name, metadata, expires_at, cover_face or several")
        return self

    @property
    def never_expires(self) -> bool:
        """Whether an empty text was sent for the expiry."""
        return self.expires_at is None and "expires_at" in self.model_fields_set


class KeyFields(CallFields):
    """POST /keys."""

    name: Annotated[PersonName, Field(min_length=1)] = Field(description="What the key is for.")
    scopes: Annotated[list[Scope], Field(min_length=1)] = Field(description="What the key may do.")
    collections: list[CollectionName] | None = Field(None, description="The only collections it may use. Default: all.")
    expires_at: FutureMoment | None = Field(None, description="When it ends, with time zone. Default: never.")
    requests_per_minute: Count | None = Field(None, description="Default: no limit.")

    @model_validator(mode="after")
    def _check_scopes(self) -> Self:
        if "admin" in self.scopes:
            raise ValueError(f'field "scopes": {ADMIN_BY_COMMAND}vultus keys create NAME --scope admin')
        return self


class RotationFields(CallFields):
    """POST /keys/{id}/rotate."""

    overlap_minutes: Annotated[PlainInteger, Field(ge=0, le=MAX_OVERLAP_MINUTES)] = Field(
        DEFAULT_OVERLAP_MINUTES, description="How long the old secret goes on working, minutes; 0: not at all."
    )
