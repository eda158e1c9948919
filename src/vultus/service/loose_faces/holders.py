"""Holders: a loose face belongs to no subject of the caller's, so that a subject of its own holds it.

The ids of holders begin with ~, and come after the ids of all users that other services allow: A-Z a-z 0-9 _ . - :
"""

from __future__ import annotations

LOOSE = "~"
LAST_LOOSE = "~\U0010ffff"  # after the ids of all holders


def holder(name: str) -> str:
    """The id of the holder of a face. name: the id of the face, or of its image and its place there."""
    return LOOSE + name


def is_loose(subject: str) -> bool:
    """Whether a subject of this id only holds a face."""
    return subject.startswith(LOOSE)
