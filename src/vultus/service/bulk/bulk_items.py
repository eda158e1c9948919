"""What a bulk request consists of: its limits, and its photos, each with its subject or with why it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vultus.identifiers import check_name, check_subject


@dataclass(frozen=True)
class BulkLimits:
    """items: most photos of a request. image_bytes: largest photo, unpacked. unpacked_bytes: of all photos together."""

    items: int
    image_bytes: int
    unpacked_bytes: int


@dataclass(frozen=True)
class Problem:
    """Why a photo is refused before it is looked at: an error code and a sentence."""

    code: str
    sentence: str


@dataclass(frozen=True)
class BulkItem:
    """One photo of a request. file: its name in the archive, or its address. source: where its bytes are read from.

    subject: whose it is, None where that cannot be told. name: what the person is called. problem: None: it is tried.
    """

    file: str
    subject: str | None
    name: str | None = None
    problem: Problem | None = None
    source: Any = None


def invalid(sentence: str) -> Problem:
    """The problem of a photo that the caller can fix."""
    return Problem("invalid_request", sentence)


def subject_problem(subject: str, name: str | None, what: str) -> Problem | None:
    """What is wrong with an id or a name, without repeating it. what: where the id stands."""
    try:
        check_subject(subject)
    except ValueError as exc:
        return invalid(f"{what} {exc}; rename it")
    try:
        check_name(name or "")
    except ValueError as exc:
        return invalid(f"the name of the person {exc}; write another")
    return None
