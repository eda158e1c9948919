"""Rules of subject ids, collection names, names, metadata and keys, shared by the API and the command line.

Each check returns the value to use, or raises ValueError with the rule that it breaks; it never repeats the value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import pairwise
from typing import Any

from vultus.lookalikes import is_visible

DEFAULT_COLLECTION = "default"
MAX_SUBJECT_CHARACTERS = 256
MAX_NAME_CHARACTERS = 256
MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 32  # pydantic cannot write an answer nested deeper than 255
MIN_ADMIN_KEY_CHARACTERS = 32
MAX_UNKNOWN_DAYS = 365  # faces of people who are not enrolled are kept for review, no longer
MAX_RETENTION_DAYS = 36_500
DEFAULT_OVERLAP_MINUTES, MAX_OVERLAP_MINUTES = 60, 30 * 24 * 60  # how long the old secret of a rotated key works
ADMIN_BY_COMMAND = (
    "an admin key is made on the server's machine only, so that a stolen one cannot multiply; run there: "
)
MOST_DECOMPOSED = 4  # code points that a composed character may be spelled with
# Format characters but those that languages are written with: the joiners, the Mongolian separator U+180E, and the
# signs over Arabic, Syriac and Kaithi numbers.
UNSEEN = frozenset(
    "\u00ad\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff\ufff9\ufffa\ufffb"
    + "".join(map(chr, (*range(0x2060, 0x2070), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE0080))))
)
JOINERS = "\u200b\u200c\u200d"  # Khmer and Burmese words; Persian; Malayalam, Sinhala and others of India
COLLECTION = re.compile(r"[A-Za-z0-9_-]{1,64}")


def canonical(text: str) -> str:
    """The one spelling of ids and names that Unicode holds for the same text: composed (NFC)."""
    return unicodedata.normalize("NFC", text)


def check_subject(value: str) -> str:
    """The subject id, which may be new. Letters of every script pass, with the joiners that they need.

    It is checked as it is stored, `canonical`; a stored one of an earlier release may differ, so the spelling that was
    sent is returned. Raises ValueError.
    """
    check_known_subject(value)
    _refuse_unseen(value)
    if len(canonical(value)) > MAX_SUBJECT_CHARACTERS:
        raise ValueError(f"must have 1 to {MAX_SUBJECT_CHARACTERS} characters, not {len(canonical(value))}")
    if not is_visible(value):
        raise ValueError("must have a character that can be seen")
    return value


def check_known_subject(value: str) -> str:
    """The id of a subject that may be enrolled, also by the wider rules of an earlier release. Raises ValueError."""
    if not 1 <= len(value) <= MAX_SUBJECT_CHARACTERS * MOST_DECOMPOSED:
        raise ValueError(f"must have 1 to {MAX_SUBJECT_CHARACTERS} characters, not {len(value)}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise ValueError("must not contain control characters, or bytes that are not UTF-8")
    if value != value.strip():
        raise ValueError("must not begin or end with white space")
    if value in (".", ".."):
        raise ValueError('must not be "." or "..": no path can address it')
    return value


def _refuse_unseen(value: str) -> None:
    """Raises ValueError for characters that nobody sees and the script does not need: ids are forged with them."""
    for before, character in pairwise(" " + value):
        if character in JOINERS and not _takes_joiners(before):
            raise ValueError(f"must not contain {character!a} where it joins nothing: it is invisible")
        if character in UNSEEN or unicodedata.category(character) in ("Zl", "Zp"):
            raise ValueError(f"must not contain {character!a}: it is invisible, or changes the direction of the text")
        if ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF:
            raise ValueError(f"must not contain {character!a}, which Unicode will never make a character")


def _takes_joiners(character: str) -> bool:
    """Whether a character is beyond the alphabets of Europe and Hebrew, whose letters need no joiner."""
    return ord(character) >= 0x0600 and not 0x1E00 <= ord(character) <= 0x206F


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
    """The name of a person or a key, in its `canonical` spelling. Raises ValueError."""
    name = canonical(value)
    if len(name) > MAX_NAME_CHARACTERS:
        raise ValueError(f"must have at most {MAX_NAME_CHARACTERS} characters, not {len(name)}")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise ValueError("must not contain control characters or line breaks, or bytes that are not UTF-8")
    _refuse_unseen(name)
    return name


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
