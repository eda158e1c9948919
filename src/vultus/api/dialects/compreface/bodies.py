"""The bodies of CompreFace's calls: photos as parts of a form or base64 in JSON, names, ids, embeddings."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any, ClassVar

from fastapi import Request
from pydantic import BeforeValidator, Field

from vultus.api.body import read_fields
from vultus.api.dialects.compreface.call_options import face_id_of
from vultus.api.dialects.compreface.refusals import InvalidValue, MissingPart, WrongExtension
from vultus.errors import InvalidRequest
from vultus.identifiers import check_subject
from vultus.json_text import parse_json
from vultus.schemas.field_types import FilePart, Image, Vector, Vectors
from vultus.schemas.requests import CallFields

EXTENSIONS = ("jpg", "jpeg", "png", "bmp", "gif", "ico", "tif", "tiff", "webp", "heic", "heif")
MOST_CHARACTERS = 50  # of a new subject
FORBIDDEN = ";/\\"
MOST_IDS = 1000
MOST_VECTORS = 1000


def _named_like_a_picture(value: Any) -> Any:
    """Refuses a file whose name has the extension of something else."""
    extension = PurePath(value.name).suffix.lstrip(".").lower() if isinstance(value, FilePart) else ""
    if extension and extension not in EXTENSIONS:
        raise WrongExtension(f"the extension of the file is none of {', '.join(EXTENSIONS)}")
    return value


Photo = Annotated[Annotated[Image, BeforeValidator(_named_like_a_picture)] | None, Field(None)]


class _Fields(CallFields):
    takes_unknown: ClassVar[bool] = True


class _OnePhoto(_Fields):
    file: Photo


class _TwoPhotos(_Fields):
    source_image: Photo
    target_image: Photo


class _Name(_Fields):
    subject: str | None = None


class _Embeddings(_Fields):
    embeddings: Vectors | None = None


class _SourceAndTargets(_Fields):
    source: Vector | None = None
    targets: Vectors | None = None


async def read_photo(request: Request) -> bytes:
    """The photo of a call. Raises MissingPart, WrongExtension, InvalidImage, RequestTooLarge."""
    fields = await read_fields(request, _OnePhoto)
    return _present(fields.file, "file")


async def read_two_photos(request: Request) -> tuple[bytes, bytes]:
    """Source and target of a verification. Raises as `read_photo`."""
    fields = await read_fields(request, _TwoPhotos)
    return _present(fields.source_image, "source_image"), _present(fields.target_image, "target_image")


async def read_name(request: Request) -> str:
    """The subject that the body names, perhaps an empty text. Raises InvalidRequest."""
    return ((await read_fields(request, _Name)).subject or "").strip()


async def read_embeddings(request: Request) -> list[list[float]]:
    """Embeddings that the caller kept. Raises MissingPart, InvalidRequest."""
    fields = await read_fields(request, _Embeddings)
    return [vector for _, vector in _some(fields.embeddings, "embeddings")]


async def read_source_and_targets(request: Request) -> tuple[list[float], list[list[float]]]:
    """An embedding and those that it is compared with. Raises MissingPart, InvalidRequest."""
    fields = await read_fields(request, _SourceAndTargets)
    if not fields.source:
        raise _missing("source")
    return fields.source, [vector for _, vector in _some(fields.targets, "targets")]


async def read_face_ids(request: Request) -> list[str]:
    """The ids of an array of image ids. Raises InvalidRequest, WrongArgument."""
    try:
        ids = parse_json(await request.body())
    except ValueError:
        ids = None
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise InvalidRequest("the body is no JSON array of image ids, which are texts")
    if len(ids) > MOST_IDS:
        raise InvalidValue(f"{len(ids)} image ids were sent, the limit is {MOST_IDS}; send fewer at a time")
    return list(dict.fromkeys(face_id_of(one) for one in ids))


def new_subject(name: str) -> str:
    """A name that a subject may be given. Raises InvalidValue."""
    if not 1 <= len(name) <= MOST_CHARACTERS or any(sign in name for sign in FORBIDDEN):
        raise InvalidValue(f"a subject has 1 to {MOST_CHARACTERS} characters, none of them ; / or \\")
    try:
        return check_subject(name)
    except ValueError as exc:
        raise InvalidValue(f"the subject {exc}") from exc


def _some(values: Any, name: str) -> Any:
    if not values:
        raise _missing(name)
    if len(values) > MOST_VECTORS:
        raise InvalidValue(f"{len(values)} embeddings were sent, the limit is {MOST_VECTORS}; send fewer at a time")
    return values


def _present(photo: bytes | None, name: str) -> bytes:
    if photo is None:
        raise _missing(name)
    return photo


def _missing(name: str) -> MissingPart:
    return MissingPart(f"Required request part '{name}' is not present")
