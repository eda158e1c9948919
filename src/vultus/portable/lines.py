"""The JSON values of an archive: checked as they are read, since another program may have written them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidationError,
)

from vultus.errors import InvalidRequest, VultusError
from vultus.findings import Steps, Wording, sentence_of
from vultus.identifiers import MAX_RETENTION_DAYS, MAX_UNKNOWN_DAYS, check_known_subject, check_metadata, check_name
from vultus.json_text import parse_json
from vultus.portable.layout import VERSION
from vultus.records.liveness import LivenessMode
from vultus.records.seen import Float32

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Pixels = Annotated[int, Field(gt=0, lt=1 << 20)]
LITTLE_ENDIAN = np.dtype("<f4")
T = TypeVar("T", bound="_Value")


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FormatFile(_Value):
    """format.json. created_at: ISO 8601, UTC. vultus: the version that wrote it; another program may leave it out."""

    format: Literal["vultus-archive"] = "vultus-archive"
    version: int = VERSION
    created_at: str | None = None
    vultus: str | None = None


class PoliciesValue(_Value):
    """The policies of a collection; null: none."""

    min_quality: Percent | None = None
    target_fmr: Rate | None = None
    target_fpir: Rate | None = None
    store_photos: bool = True
    retention_days: Annotated[int, Field(ge=1, le=MAX_RETENTION_DAYS)] | None = None
    liveness: LivenessMode | None = None
    keep_unknown_days: Annotated[int, Field(ge=1, le=MAX_UNKNOWN_DAYS)] | None = None


class CollectionFile(_Value):
    """collection.json: embeddings are of this model, at this version of its preprocessing."""

    model_id: Text
    preprocessing_version: Annotated[int, Field(ge=1)]
    dimension: Annotated[int, Field(ge=1, le=65536)]
    policies: PoliciesValue = PoliciesValue()


class SubjectLine(_Value):
    """A person; before its faces. created_at: for the reader, an import makes its own. expires_at: ISO 8601, with its
    zone: when the person is erased."""

    type: Literal["subject"]
    id: Annotated[str, AfterValidator(check_known_subject)]
    name: Annotated[str, AfterValidator(check_name)] | None = None
    metadata: Annotated[dict[str, Any], AfterValidator(check_metadata)] = {}
    expires_at: Annotated[AwareDatetime, Strict(False)] | None = None
    created_at: str | None = None


class PhotoValue(_Value):
    """The stored photo of a face: the file photos/SHA256.jpg."""

    sha256: Digest
    width: Pixels
    height: Pixels


class QualityValue(_Value):
    """Quality, 0..100; version: of the rule that made it."""

    score: Percent
    parts: dict[Text, Number]
    version: Annotated[int, Field(ge=1)] = 1


class ImageValue(_Value):
    """What a caller of Rekognition's protocol calls the image of a face. id: of all faces of one image."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    external_id: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.\-:]{1,255}$")] | None = None


class FaceLine(_Value):
    """A face of a subject. embedding: base64 of little-endian float32. source_sha256: of what was sent to enroll it.

    box: x_min, y_min, x_max, y_max; landmarks: five of x, y; both in pixels of the upright original photo. box,
    landmarks, detector_score and quality are all there or all null. image: left out where there is none, so that
    earlier releases read the archive.
    """

    type: Literal["face"]
    id: str | None = None
    subject: Annotated[str, AfterValidator(check_known_subject)]
    embedding: str
    source_sha256: Digest
    photo: PhotoValue | None = None
    box: Annotated[list[Number], Field(min_length=4, max_length=4)] | None = None
    landmarks: (
        Annotated[list[Annotated[list[Number], Field(min_length=2, max_length=2)]], Field(min_length=5, max_length=5)]
        | None
    ) = None
    detector_score: Annotated[float, Field(ge=0, le=1)] | None = None
    quality: QualityValue | None = None
    source_size: Annotated[list[Pixels], Field(min_length=2, max_length=2)] | None = None
    created_at: str | None = None
    image: ImageValue | None = None


class ManifestFile(_Value):
    """manifest.json: how much there is. left_out: faces without an embedding, and those erased during the export."""

    collections: Annotated[int, Field(ge=0)]
    subjects: Annotated[int, Field(ge=0)]
    faces: Annotated[int, Field(ge=0)]
    left_out: Annotated[int, Field(ge=0)] = 0


def read_value(kind: type[T], data: bytes, place: str) -> T:
    """A value of a JSON text. place: what it is, for the sentence. Raises: InvalidRequest."""
    try:
        return kind.model_validate(parse_json(data))
    except ValidationError as exc:
        raise InvalidRequest(f"{place}: {sentence_of(exc.errors(), _WORDING, at_most=1)}") from None
    except (ValueError, VultusError):
        raise InvalidRequest(f"{place} is no JSON object") from None


def line_kind(data: bytes, place: str) -> type[SubjectLine] | type[FaceLine]:
    """Whether a line is of a subject or of a face. Raises: InvalidRequest."""
    try:
        value = parse_json(data)
    except (ValueError, VultusError):
        value = None
    kinds: Mapping[Any, type[SubjectLine] | type[FaceLine]] = {"subject": SubjectLine, "face": FaceLine}
    found = kinds.get(value.get("type")) if isinstance(value, dict) and isinstance(value.get("type"), str) else None
    if found is None:
        raise InvalidRequest(f'{place} is neither of a subject nor of a face; its "type" says which')
    return found


def encoded(embedding: Float32) -> str:
    """An embedding, (D,), as base64 of little-endian float32."""
    return base64.b64encode(embedding.astype(LITTLE_ENDIAN).tobytes()).decode("ascii")


def decoded(text: str, dimension: int, place: str) -> Float32:
    """The embedding, (dimension,) float32. Raises: InvalidRequest."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{place}: its embedding is no base64") from None
    if len(data) != dimension * LITTLE_ENDIAN.itemsize:
        raise InvalidRequest(f"{place}: its embedding has {len(data)} bytes, not {dimension} float32 numbers")
    return np.frombuffer(data, LITTLE_ENDIAN).astype(np.float32)


def _place(steps: Steps) -> str:
    return ".".join(map(str, steps))


_WORDING = Wording(
    place=_place,
    missing="{place} is missing",
    unknown="{place} is unknown",
    wrong="{place} is wrong: {message}",
    said="{place} {message}",
)
