"""POST /jobs: its fields as a form and as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vultus.identifiers import DEFAULT_COLLECTION
from vultus.schemas.field_types import Blank, CollectionName, Flag, ModelName, PersonName, SubjectId
from vultus.schemas.requests import MODEL, CallFields

MAX_ADDRESS_CHARACTERS = 2048


class BulkFields(CallFields):
    """What both have in common."""

    collection: CollectionName = Field(DEFAULT_COLLECTION, description="The gallery; created when it is new.")
    face: Literal["only", "largest"] = Field(
        "largest", description="largest: of several faces the largest. only: a photo with several faces is refused."
    )
    strict: Flag = Field(
        False, description="Refuse, instead of a caution, a face that fits another subject of the collection."
    )
    model_name: ModelName = Field(None, description=MODEL + " Only when the collection is new.")
    webhook: Annotated[str | None, Blank] = Field(
        None,
        max_length=MAX_ADDRESS_CHARACTERS,
        description="An address that is told when the job has ended; one that the operator allows.",
    )


class ArchiveFields(BulkFields):
    """POST /jobs with an archive."""

    zip: bytes = Field(
        description="A ZIP archive. A folder of it is a subject, named by the id, and holds the photos of the person; "
        "or manifest.csv in it says whose they are.",
        json_schema_extra={"format": "binary"},
    )


class ImageUrl(BaseModel):
    """A photo that the server fetches."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=MAX_ADDRESS_CHARACTERS, description="Its address, http or https, on a public host.")
    subject: SubjectId = Field(description="Your id of the person.")
    name: Annotated[PersonName | None, Blank] = Field(None, description="What the person is called.")


class UrlFields(BulkFields):
    """POST /jobs with addresses of images, where the operator allows these."""

    images: list[ImageUrl] = Field(min_length=1, description="The photos, each with its subject.")
