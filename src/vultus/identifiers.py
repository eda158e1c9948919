"""The rules of subject ids, collection names, names, metadata and keys: the same at every entrance.

Each check returns the value as it is, or raises ValueError with the rule that it breaks; the value is never repeated.
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
MAX_METADATA_DEPTH = 32  # an answer cannot be written beyond 255
DEFAULT_OVERLAP_MINUTES, MAX_OVERLAP_MINUTES = 60, 30 * 24 * 60  # of a rotated key: how long the old secret works
ADMIN_BY_COMMAND = (
    "an admin key is made on the server's machine only, so that a stolen one cannot multiply; run there: "
)
COLLECTION = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_subject(value: str) -> str:
    """A subject id as it is, or ValueError with the rule it breaks."""
    if not 1 <= len(value) <= MAX_SUBJECT_CHARACTERS:
        raise ValueError(f"must have 1 to {MAX_SUBJECT_CHARACTERS} characters, not {len(value)}")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in value):
        raise ValueError("must not contain control or invisible formatting characters")
    if value != value.strip():
        raise ValueError("must not begin or end with white space")
    if value in (".", ".."):
        raise ValueError('must not be "." or "..": no path can address it')
    return value


def check_collection(value: str) -> str:
    """A collection name as it is, or ValueError with the rule."""
    if not COLLECTION.fullmatch(value):
        raise ValueError("must be 1 to 64 of the letters A-Z and a-z, digits, - and _")
    return value


def check_name(value: str) -> str:
    """A person's or a key's name as it is, or ValueError with the rule it breaks."""
    if len(value) > MAX_NAME_CHARACTERS:
        raise ValueError(f"must have at most {MAX_NAME_CHARACTERS} characters, not {len(value)}")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("must not contain control characters or line breaks")
    return value


def check_metadata(value: dict[str, Any]) -> dict[str, Any]:
    """Metadata as it is, or ValueError with the rule it breaks."""
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
    level = [value]
    for _ in range(MAX_METADATA_DEPTH):
        inside = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [child for children in inside for child in children]
    return any(isinstance(one, dict | list) for one in level)
