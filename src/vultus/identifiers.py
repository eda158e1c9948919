"""Rules of subject ids, collection names, names, metadata and keys, shared by the API and the command line.

Each check returns the value unchanged, or raises ValueError with the rule that it breaks; it never repeats the value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

DEFAULT_COLLECTION = "default"
MAX_SUBJECT_CHARACTERS = 256
MAX_NAME_CHARACTERS = 256
MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 32  # pydantic cannot write an answer nested deeper than 255
DEFAULT_OVERLAP_MINUTES, MAX_OVERLAP_MINUTES = 60, 30 * 24 * 60  # how long the old secret of a rotated key works
ADMIN_BY_COMMAND = (
    "an admin key is made on the server's machine only, so that a stolen one cannot multiply; run there: "
)
COLLECTION = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_subject(value: str) -> str:
    """The subject id. Raises ValueError."""
    if not 1 <= len(value) <= MAX_SUBJECT_CHARACTERS:
        raise ValueError(f"must have 1 to {MAX_SUBJECT_CHARACTERS} characters, not {len(value)}")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in value):
        raise ValueError("must not contain control or invisible formatting characters")
    if value != value.strip():
        raise ValueError("must not begin or end with white space")
    if value in (".", ".."):
        raise ValueError('must not be "." or "..": no path can address it')
    return value


def check_id(value: str) -> str:
    """An id that the service made, of a face or a key."""
    if len(value) > MAX_SUBJECT_CHARACTERS or not value.isprintable():
        raise ValueError("is not an id of this service; send it as it was answered")
    return value


def check_collection(value: str) -> str:
    """The collection name. Raises ValueError."""
    if not COLLECTION.fullmatch(value):
        raise ValueError("must be 1 to 64 of the letters A-Z and a-z, digits, - and _")
    return value


def check_name(value: str) -> str:
    """The name of a person or a key. Raises ValueError."""
    if len(value) > MAX_NAME_CHARACTERS:
        raise ValueError(f"must have at most {MAX_NAME_CHARACTERS} characters, not {len(value)}")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("must not contain control characters or line breaks")
    return value


def check_metadata(value: dict[str, Any]) -> dict[str, Any]:
    """The metadata. Raises ValueError."""
    try:
        size = len(json.dumps(value, ensure_ascii=False).encode("utf-8"))
    except (UnicodeEncodeError, RecursionError) as exc:
        raise ValueError("holds text that is not UTF-8, or is nested too deeply") from exc
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"has {size} bytes of JSON, the limit is {MAX_METADATA_BYTES}")
    if _is_deep(value):
        raise ValueError(f"is nested more than {MAX_METADATA_DEPTH} deep")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]  # level by level, not by recursion: the value may be nested deeper than the stack
    for _ in range(MAX_METADATA_DEPTH):
        inside = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [child for children in inside for child in children]
    return any(isinstance(one, dict | list) for one in level)
