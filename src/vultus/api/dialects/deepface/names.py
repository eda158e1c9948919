"""The img_name of a registered face, and the subject that it is enrolled for.

An img_name is the id of a subject. DeepFace stores every face of a photo under one img_name; here each is a person of
its own, so that the faces after the first have their number added: "team.jpg", "team.jpg (face 2)".
"""

from __future__ import annotations

import re

from vultus.identifiers import MAX_SUBJECT_CHARACTERS, check_subject

NUMBERED = re.compile(r" \(face [1-9][0-9]*\)$")
MAX_CHARACTERS = MAX_SUBJECT_CHARACTERS - len(" (face 1000)")


def check_img_name(value: str) -> str:
    """An img_name that may be new. Raises ValueError."""
    check_subject(value)
    if len(value) > MAX_CHARACTERS:
        raise ValueError(f"must have 1 to {MAX_CHARACTERS} characters, not {len(value)}")
    if NUMBERED.search(value):
        raise ValueError('must not end like " (face 2)", which numbers the faces of one photo')
    return value


def subjects_of(img_name: str | None, faces: int) -> list[str | None]:
    """The subject of each face of a photo; None: a new one."""
    if img_name is None:
        return [None] * faces
    return [img_name, *(f"{img_name} (face {number})" for number in range(2, faces + 1))]


def img_name_of(subject: str) -> str:
    """The img_name that a face was registered under."""
    return NUMBERED.sub("", subject)
