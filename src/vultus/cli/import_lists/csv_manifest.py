"""A CSV of photos with the people on them: file,subject, and where wanted name and further columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from vultus.errors import InvalidRequest
from vultus.evaluation.csv_list import read_rows
from vultus.evaluation.labelled_folder import PhotoFile
from vultus.identifiers import check_metadata, check_name, check_subject

FILE, SUBJECT, NAME = "file", "subject", "name"
T = TypeVar("T")


@dataclass(frozen=True)
class Person:
    """What a list says of a subject. details: its metadata, by the name of the column."""

    name: str | None = None
    details: dict[str, str] = field(default_factory=dict)


def read_manifest(listing: Path) -> tuple[list[PhotoFile], dict[str, Person]]:
    """The photos of a CSV, and what it says of their subjects; files are relative to its folder.

    A row may leave the name of its person out. Raises InvalidRequest, which names the line: where a cell is missing or
    breaks a rule, where two rows disagree about a person, and where one file is said to be of two people.
    """
    photos: dict[str, PhotoFile] = {}
    people: dict[str, Person] = {}
    for line, row in read_rows(listing, {FILE, SUBJECT}):
        place = f"line {line} of {listing.name}"
        if not row[FILE]:
            raise InvalidRequest(f"{place}: {FILE} is empty; name the photo, relative to the list")
        subject = _checked(check_subject, row[SUBJECT], place, SUBJECT)
        other = photos.setdefault(row[FILE], PhotoFile(subject, listing.parent / row[FILE], row[FILE]))
        if other.subject != subject:
            raise InvalidRequest(
                f"{place}: {row[FILE]} is of {subject!r} here and of {other.subject!r} in a line before; leave out one"
            )
        people[subject] = _agreed(people.get(subject), _person(row, place), place)
    if not photos:
        raise InvalidRequest(f"{listing.name} lists no photo; write a row for each: {FILE},{SUBJECT},{NAME}")
    return list(photos.values()), people


def _person(row: dict[str, str], place: str) -> Person:
    details = {column: value for column, value in row.items() if value and column not in (FILE, SUBJECT, NAME)}
    name = _checked(check_name, row.get(NAME, ""), place, NAME) or None
    _checked(check_metadata, details, place, "the columns besides file, subject and name")
    return Person(name, details)


def _agreed(before: Person | None, now: Person, place: str) -> Person:
    """What both rows say. Raises InvalidRequest, where they say different things."""
    if before is None:
        return now
    if before.name is not None and now.name is not None and before.name != now.name:
        raise InvalidRequest(f"{place}: the name {now.name!r} is {before.name!r} in a line before; write one of them")
    for column in before.details.keys() & now.details.keys():
        if before.details[column] != now.details[column]:
            raise InvalidRequest(f"{place}: {column} has another value in a line before; write one of them")
    return Person(before.name or now.name, before.details | now.details)


def _checked(check: Callable[[T], object], value: T, place: str, column: str) -> T:
    try:
        check(value)
    except ValueError as exc:
        raise InvalidRequest(f"{place}: {column} {exc}") from exc
    return value
