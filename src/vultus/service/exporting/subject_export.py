"""Exports all that is held on one person as a zip of JSON and photos, as the person may ask for (GDPR, article 15)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from vultus.errors import NotFound
from vultus.service.exporting.zip_stream import Entry, zip_of
from vultus.storage.gallery import Gallery
from vultus.storage.lifetimes.holdings import HeldEmbedding, Holdings, HoldingsReader
from vultus.storage.photos import PhotoStore

README = """What this service holds on one person.

subject.json      id, name, metadata, collection, when the subject was made and when it expires; and what is kept of
                  changes of the subject until they can no longer be undone
faces.jsonl       one line a face: place in its photo in pixels, quality 0..100, model, sizes and digests of the photo
embeddings.jsonl  one line an embedding: the numbers by which faces are compared, and the model that made them
photos/           the stored photos, named by their SHA-256; a photo may show other people too
audit.jsonl       one line for each audited action that names one of these faces, newest first
left_out.json     the photos that could not be read

Files that end in .jsonl have one JSON object a line. Times are UTC. Backups are not part of it.
"""


@dataclass(frozen=True)
class SubjectExport:
    """An export that can be made now. face_ids: of the subject."""

    face_ids: tuple[str, ...]
    chunks: Iterator[bytes]


def export_of(gallery: Gallery, photos: PhotoStore, collection: str, subject: str) -> SubjectExport:
    """The export of one subject, whose bytes are read as they are taken.

    Raises CollectionNotFound, SubjectNotFound; while the bytes are taken SubjectNotFound, when it was erased since.
    """
    reader = gallery.holdings
    held = reader.of(collection, subject)
    return SubjectExport(tuple(face.id for face in held.faces), zip_of(_entries(photos, reader, held)))


def _entries(photos: PhotoStore, reader: HoldingsReader, held: Holdings) -> Iterator[Entry]:
    yield "README.txt", [README.encode()]
    about = {**asdict(held.subject), "model_id": held.collection.model_id, "undo": [asdict(one) for one in held.undo]}
    yield "subject.json", [_json(about, indent=2)]
    yield "faces.jsonl", _lines(asdict(face) for face in held.faces)
    yield "embeddings.jsonl", _lines(map(_embedding, reader.embeddings(held)))
    left_out = []
    for key in dict.fromkeys(face.photo.sha256 for face in held.faces if face.photo is not None):
        photo = None
        with suppress(NotFound):
            photo = photos.get(key)
        if photo is None:
            left_out.append(key)
        else:
            yield f"photos/{key}.jpg", [photo]
    yield "audit.jsonl", _lines(asdict(line) for line in reader.audit_lines(held))
    yield "left_out.json", [_json(left_out)]


def _embedding(held: HeldEmbedding) -> dict[str, Any]:
    return {**vars(held), "embedding": held.embedding.tolist()}


def _lines(values: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    return (_json(value) for value in values)


def _json(value: Any, indent: int | None = None) -> bytes:
    return json.dumps(value, indent=indent, default=_text).encode() + b"\n"


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
