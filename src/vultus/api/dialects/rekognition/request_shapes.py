"""The requests of the operations: members, ranges and defaults as in AWS's model of Rekognition (2016-06-27)."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_pascal

from vultus.api.dialects.rekognition.failures import S3Refused
from vultus.errors import RequestTooLarge

MOST_BYTES = 5_242_880  # of one image
MOST_MATCHES = 4096
NO_S3 = "images in S3 are not read here; read the object and send it as Image={'Bytes': ...}, up to 5 MB"
QUALITY: dict[str, float | None] = {"NONE": 0, "AUTO": None, "LOW": 20, "MEDIUM": 40, "HIGH": 60}  # None: the default


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("must be the image in base64, which the AWS clients make of bytes")
    _refuse_large(len(value) * 3 // 4 - 2)  # before decoding; up to two characters are padding
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError("is not base64") from exc
    if not content:
        raise ValueError("is empty")
    _refuse_large(len(content))
    return content


def _refuse_large(size: int) -> None:
    if size > MOST_BYTES:
        raise RequestTooLarge(f"an image has {size} bytes, the limit is {MOST_BYTES}; send a smaller one")


def _face_id(value: str) -> str:
    try:
        return UUID(value).hex
    except ValueError:
        raise ValueError("must be the id of a face, a UUID as it was answered") from None


Bytes = Annotated[bytes, BeforeValidator(_bytes)]
FaceId = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"), AfterValidator(_face_id)
]
CollectionId = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.\-]+$", max_length=255)]
UserId = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.\-:]+$", max_length=128)]
ExternalImageId = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.\-:]+$", max_length=255)]
ClientRequestToken = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9-_]+$", max_length=64)]
NextToken = Annotated[str, StringConstraints(max_length=2048)]
Percent = Annotated[float, Field(ge=0, le=100)]
QualityFilter = Literal["NONE", "AUTO", "LOW", "MEDIUM", "HIGH"]
ATTRIBUTES = {
    *("DEFAULT", "ALL", "AGE_RANGE", "BEARD", "EMOTIONS", "EYE_DIRECTION", "EYEGLASSES", "EYES_OPEN", "GENDER"),
    *("MOUTH_OPEN", "MUSTACHE", "FACE_OCCLUDED", "SMILE", "SUNGLASSES"),
}


def _attribute(value: str) -> str:
    if value not in ATTRIBUTES:
        raise ValueError(f"must be of {', '.join(sorted(ATTRIBUTES))}")
    return value


Attribute = Annotated[str, AfterValidator(_attribute)]
PageSize = Annotated[int, Field(ge=0, le=4096)]
FaceIds = Annotated[list[FaceId], Field(min_length=1, max_length=4096)]
FewFaceIds = Annotated[list[FaceId], Field(min_length=1, max_length=100)]


class Shape(BaseModel):
    """Members are named as AWS does, in capitals; one that is not known is refused."""

    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid", strict=True)


class Image(Shape):
    """An image: its bytes. One in S3 is refused."""

    sent: Bytes | None = Field(None, alias="Bytes")
    s3_object: Any = Field(None, alias="S3Object")

    @model_validator(mode="after")
    def _has_bytes(self) -> Self:
        if self.s3_object is not None:
            raise S3Refused(NO_S3)
        if self.sent is None:
            raise ValueError("needs Bytes")
        return self

    @property
    def content(self) -> bytes:
        """The bytes, at least one."""
        return self.sent or b""


class CollectionShape(Shape):
    """A request about one collection."""

    collection_id: CollectionId


class CreateCollection(CollectionShape):
    """Tags are taken and not kept."""

    tags: dict[str, str] | None = None


class ListCollections(Shape):
    """One page of the collections."""

    next_token: NextToken | None = None
    max_results: PageSize = 0


class DetectFaces(Shape):
    """attributes: those that cannot be measured are left out of the answer."""

    image: Image
    attributes: list[Attribute] = []


class CompareFaces(Shape):
    """Two images."""

    source_image: Image
    target_image: Image
    similarity_threshold: Percent = 80.0
    quality_filter: QualityFilter = "NONE"


class IndexFaces(CollectionShape):
    """The image whose faces are added."""

    image: Image
    external_image_id: ExternalImageId | None = None
    detection_attributes: list[Attribute] = []
    max_faces: Annotated[int, Field(ge=1)] | None = None
    quality_filter: QualityFilter = "AUTO"


class ListFaces(CollectionShape):
    """One page of the faces, of all, of a user, or of those named."""

    next_token: NextToken | None = None
    max_results: PageSize = 0
    user_id: UserId | None = None
    face_ids: FaceIds | None = None


class DeleteFaces(CollectionShape):
    """Faces to erase."""

    face_ids: FaceIds


class SearchFaces(CollectionShape):
    """An enrolled face to search with."""

    face_id: FaceId
    max_faces: Annotated[int, Field(ge=1, le=MOST_MATCHES)] = MOST_MATCHES
    face_match_threshold: Percent = 80.0


class SearchFacesByImage(CollectionShape):
    """An image whose largest face is searched with."""

    image: Image
    max_faces: Annotated[int, Field(ge=1, le=MOST_MATCHES)] = MOST_MATCHES
    face_match_threshold: Percent = 80.0
    quality_filter: QualityFilter = "NONE"


class UserShape(CollectionShape):
    """A user to make or to delete."""

    user_id: UserId
    client_request_token: ClientRequestToken | None = None


class ListUsers(CollectionShape):
    """One page of the users."""

    max_results: Annotated[int, Field(ge=1, le=500)] = 500
    next_token: NextToken | None = None


class AssociateFaces(UserShape):
    """Faces to put into a user."""

    face_ids: FewFaceIds
    user_match_threshold: Percent = 75.0


class DisassociateFaces(UserShape):
    """Faces to take out of a user."""

    face_ids: FewFaceIds


class SearchUsers(CollectionShape):
    """A user, or an enrolled face, to search with."""

    user_id: UserId | None = None
    face_id: FaceId | None = None
    user_match_threshold: Percent = 80.0
    max_users: Annotated[int, Field(ge=1, le=500)] = 500

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.user_id is None) == (self.face_id is None):
            raise ValueError("send UserId or FaceId, one of both")
        return self


class SearchUsersByImage(CollectionShape):
    """An image whose largest face is searched with."""

    image: Image
    user_match_threshold: Percent = 80.0
    max_users: Annotated[int, Field(ge=1, le=500)] = 500
    quality_filter: QualityFilter = "NONE"
