"""Types of request fields: each reads the same value from a form and from JSON.

A validator raises ValueError with a sentence that does not repeat the value; the field's name is put in front of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, ValidationInfo

from vultus.errors import InvalidImage, RequestTooLarge
from vultus.identifiers import (
    MAX_RETENTION_DAYS,
    MAX_UNKNOWN_DAYS,
    check_collection,
    check_id,
    check_known_subject,
    check_metadata,
    check_name,
    check_subject,
)
from vultus.json_text import LoneSurrogate, parse_json
from vultus.plain_numbers import plain_integer, plain_number

MAX_MODEL_NAME_CHARACTERS = 200
FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
NORMALIZATIONS = ("base", "raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace")
NUMBERS = {int, float}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)  # section 5.6
TO_STANDARD_ALPHABET = str.maketrans("-_", "+/")
SHORTEST_UNPADDED = 64  # characters: the smallest images have more
HOW_TO_SEND = "send a file part, or a string with base64 or a data: URL"


@dataclass(frozen=True)
class FilePart:
    """One file of a form. name: that it has there."""

    content: bytes
    name: str = ""


@dataclass(frozen=True)
class ImageLimits:
    """Validation context: the limits of the images in one request. max_images: in a field that takes several.

    fetch: gets the image at an address; None when addresses are refused.
    """

    max_bytes: int
    max_images: int
    fetch: Callable[[str], bytes] | None = None


# --- images -------------------------------------------------------------------------------------------------------


def _limits(info: ValidationInfo) -> ImageLimits:
    limits: Any = info.context
    if not isinstance(limits, ImageLimits):
        raise TypeError("fields with images are validated with ImageLimits as context")
    return limits


def _image(value: Any, info: ValidationInfo) -> bytes:
    limits = _limits(info)
    name = info.field_name or "img"
    if isinstance(value, str):
        value = FilePart(_of_text(value, name, limits))
    if not isinstance(value, FilePart):
        raise ValueError(f"must be one image; {HOW_TO_SEND}")
    if not value.content:
        raise ValueError(f"is empty; {HOW_TO_SEND}")
    _refuse_large(len(value.content), name, limits.max_bytes)
    return value.content


def read_images(value: Any, info: ValidationInfo) -> list[bytes]:
    """The bytes of one image or several. Raises ValueError, InvalidImage, RequestTooLarge."""
    limits = _limits(info)
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError(f"holds no image; {HOW_TO_SEND}")
    if len(values) > limits.max_images:
        raise RequestTooLarge(f"{len(values)} images were sent, the limit is {limits.max_images}; send fewer at a time")
    return [_image(one, info) for one in values]


def _of_text(text: str, name: str, limits: ImageLimits) -> bytes:
    # 8 characters decide; photos as text have megabytes, so that the whole is not lowered
    if not text[:8].lower().startswith(("http://", "https:/")):
        return _decoded_text(text, name, limits.max_bytes)
    if limits.fetch is None:
        raise ValueError(f"image URLs are off; {HOW_TO_SEND}")
    return limits.fetch(text)


def _decoded_text(text: str, name: str, max_bytes: int) -> bytes:
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise InvalidImage(f'field "{name}": a data: URL must read data:image/...;base64,...')
        text = unquote(text)
    text = "".join(text.split())
    _refuse_large(len(text) * 3 // 4 - 2, name, max_bytes)  # before decoding; up to two characters are padding
    try:
        return _from_base64(text)
    except (binascii.Error, ValueError) as exc:
        raise InvalidImage(f'field "{name}" is not base64; {HOW_TO_SEND}. A path or an address is not opened') from exc


def _from_base64(text: str) -> bytes:
    """Of either alphabet (RFC 4648, sections 4 and 5); padding may be missing from all but short text, like a path."""
    if len(text) >= SHORTEST_UNPADDED:
        text += "=" * (-len(text) % 4)
    return base64.b64decode(text.translate(TO_STANDARD_ALPHABET), validate=True)


def _refuse_large(size: int, name: str, max_bytes: int) -> None:
    if size > max_bytes:
        raise RequestTooLarge(f'the image in "{name}" has {size} bytes, the limit is {max_bytes}; send a smaller one')


# --- scalars ------------------------------------------------------------------------------------------------------


def _flag(value: Any) -> bool:
    text = str(value).strip().lower() if isinstance(value, (str, bool, int)) else ""
    if text not in FLAGS:
        raise ValueError("must be true or false (also 1, 0, yes, no)")
    return FLAGS[text]


def _blank_is_absent(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _usable_model_name(value: Any) -> Any:
    value = _blank_is_absent(value)
    return None if isinstance(value, str) and len(value) > MAX_MODEL_NAME_CHARACTERS else value


def _normalization(value: str | None) -> str | None:
    known = {name.lower(): name for name in NORMALIZATIONS}
    if value is not None and value.strip().lower() not in known:
        raise ValueError(f"must be one of {', '.join(NORMALIZATIONS)}")
    return None if value is None else known[value.strip().lower()]


def _metadata(value: Any) -> Any:
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, dict):
        raise ValueError('must be a JSON object, like {"department": "lab"}')
    return check_metadata(value)


def _json_object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError('must be a JSON object, like {"min_quality": 40}')
    return value


class _NamedTwice(ValueError):
    """The JSON is well-formed, but which of the two values is meant cannot be told."""


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _NamedTwice("holds an object with a name twice; send each name once")
    return values


def _parsed(text: str, example: str = 'an object, like {"department": "lab"}') -> Any:
    try:
        return parse_json(text, object_pairs_hook=_named_once)
    except (LoneSurrogate, _NamedTwice):
        raise
    except ValueError as exc:
        raise ValueError(f"is not JSON; write {example}") from exc


# --- the types ----------------------------------------------------------------------------------------------------


def _moment(value: Any) -> Any:
    """Refuses what pydantic would take beside RFC 3339: numbers of seconds, dates without time."""
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        raise ValueError("must be a moment with time zone, like 2027-01-31T00:00:00Z")
    return value


def _coming(value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("is beyond the years 1 to 9999 in UTC") from exc
    if moment <= datetime.now(UTC):
        raise ValueError("is in the past; give a later time")
    return moment


Blank = BeforeValidator(_blank_is_absent)
FutureMoment = Annotated[AwareDatetime, BeforeValidator(_moment), AfterValidator(_coming)]
Image = Annotated[bytes, BeforeValidator(_image)]
Images = Annotated[list[bytes], BeforeValidator(read_images)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(plain_number)]
Cosine = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False), BeforeValidator(plain_number)]
Rate = Annotated[float, Field(gt=0, lt=1), BeforeValidator(plain_number)]
PlainInteger = Annotated[int, BeforeValidator(plain_integer)]
Score = Annotated[float, Field(ge=0, le=100), BeforeValidator(plain_number)]
Count = Annotated[int, Field(ge=1), BeforeValidator(plain_integer)]
CountTo100 = Annotated[int, Field(ge=1, le=100), BeforeValidator(plain_integer)]
UnknownDays = Annotated[int, Field(ge=1, le=MAX_UNKNOWN_DAYS), BeforeValidator(plain_integer)]
RetentionDays = Annotated[int, Field(ge=1, le=MAX_RETENTION_DAYS), BeforeValidator(plain_integer)]
FaceIndex = Annotated[Annotated[int, Field(ge=0), BeforeValidator(plain_integer)] | None, Blank]
ModelName = Annotated[str | None, BeforeValidator(_usable_model_name)]
DetectorName = Annotated[Annotated[str, Field(max_length=200)] | None, Blank]
Normalization = Annotated[str | None, AfterValidator(_normalization), Blank]
FaceId = Annotated[str, AfterValidator(check_id)]
FaceIdOrBlank = Annotated[str, AfterValidator(lambda value: value and check_id(value))]
SubjectId = Annotated[str, AfterValidator(check_subject)]
KnownSubjectId = Annotated[str, AfterValidator(check_known_subject)]
CollectionName = Annotated[str, AfterValidator(check_collection)]
PersonName = Annotated[str, AfterValidator(check_name)]
JsonObject = BeforeValidator(_json_object)
Metadata = Annotated[dict[str, Any], BeforeValidator(_metadata)]


def _json_text(value: Any) -> Any:
    """A form sends an array as its JSON text."""
    return _parsed(value, "an array of numbers, like [0.1, -0.2]") if isinstance(value, str) else value


def _vector(value: Any) -> Any:
    value = _json_text(value)
    if not isinstance(value, list) or not set(map(type, value)) <= NUMBERS:
        raise ValueError("must be an array of numbers")
    return value


def _vectors(value: Any) -> list[tuple[str | int, Any]]:
    """One vector, or a list of vectors or of {"id": ..., "vector": ...}; ids are positions where none is given."""
    value = _json_text(value)
    if not isinstance(value, list) or not value:
        raise ValueError("must be an array of numbers, or of such arrays, or of objects with id and vector")
    if not isinstance(value[0], (list, dict)):
        value = [value]
    return [_with_id(i, one) for i, one in enumerate(value)]


def _with_id(position: int, value: Any) -> tuple[str | int, Any]:
    if not isinstance(value, dict):
        return position, _vector(value)
    known = value.get("id", position)
    if set(value) - {"id", "vector"} or "vector" not in value or isinstance(known, bool):
        raise ValueError("holds an object that is not {id, vector}")
    if not isinstance(known, (str, int)):
        raise ValueError("holds an id that is neither text nor an integer")
    return known, _vector(value["vector"])


def _embeddings(value: Any, info: ValidationInfo) -> list[Any]:
    """One vector, or a list of vectors; as many as images may be sent."""
    value = _json_text(value)
    if not isinstance(value, list) or not value:
        raise ValueError("must be an array of numbers, or of such arrays")
    rows = value if isinstance(value[0], list) else [value]
    most = _limits(info).max_images
    if len(rows) > most:
        raise RequestTooLarge(f"{len(rows)} embeddings were sent, the limit is {most}; send fewer at a time")
    return [_vector(row) for row in rows]


Numbers = Annotated[list[float], Field(fail_fast=True)]  # one finding for all of them
Vector = Annotated[Numbers, BeforeValidator(_vector)]
Embeddings = Annotated[list[Numbers], BeforeValidator(_embeddings)]
SubjectIds = Annotated[list[SubjectId | None], BeforeValidator(_json_text)]
Vectors = Annotated[list[tuple[str | int, Numbers]], Field(fail_fast=True), BeforeValidator(_vectors)]
