"""What an archive holds, and in which order. docs/archive.md describes it for other programs.

format.json                             name and version of the format, first
collections/NAME/collection.json        model, policies; before the people of the collection
photos/SHA256.jpg                       each photo, before the part that names it; its name is that of its bytes
collections/NAME/part-000001.jsonl      subjects and faces, a line each, at most PART_LINES
manifest.json                           counts
SHA256SUMS                              "digest  name" of all of the above, in their order; last
"""

from __future__ import annotations

import re
from typing import Literal

FORMAT_NAME = "vultus-archive"
VERSION = 1
FORMAT, MANIFEST, SUMS = "format.json", "manifest.json", "SHA256SUMS"
PART_LINES = 200  # with their photos, some megabytes
MAX_PHOTO_BYTES = 64 << 20
MAX_PART_BYTES = 64 << 20
MAX_SMALL_BYTES = 1 << 20  # format, manifest, collection
JPEG_START = b"\xff\xd8\xff"

Kind = Literal["format", "collection", "photo", "part", "manifest", "sums"]
LIMITS: dict[Kind, int] = {
    "format": MAX_SMALL_BYTES,
    "collection": MAX_SMALL_BYTES,
    "photo": MAX_PHOTO_BYTES,
    "part": MAX_PART_BYTES,
    "manifest": MAX_SMALL_BYTES,
}
_FIXED: dict[str, Kind] = {FORMAT: "format", MANIFEST: "manifest", SUMS: "sums"}
_PHOTO = re.compile(r"photos/([0-9a-f]{64})\.jpg")
_OF_COLLECTION = re.compile(r"collections/([A-Za-z0-9_-]{1,64})/(collection\.json|part-\d{6,9}\.jsonl)")


def kind_of(name: str) -> tuple[Kind, str] | None:
    """What a member is, and its collection or the key of its photo, else ""; None: it belongs in no archive."""
    if name in _FIXED:
        return _FIXED[name], ""
    if photo := _PHOTO.fullmatch(name):
        return "photo", photo[1]
    if inner := _OF_COLLECTION.fullmatch(name):
        return "collection" if inner[2] == "collection.json" else "part", inner[1]
    return None


def photo_name(key: str) -> str:
    """The place of a photo; key: the sha256 of its bytes."""
    return f"photos/{key}.jpg"


def collection_name(collection: str) -> str:
    """The place of the model and the policies of a collection."""
    return f"collections/{collection}/collection.json"


def part_name(collection: str, number: int) -> str:
    """The place of some subjects and faces; number: from 1."""
    return f"collections/{collection}/part-{number:06d}.jsonl"
