"""What an import understood, before it enrolls anybody: the people, and how many photos of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from vultus.cli.confirmation import is_terminal
from vultus.cli.import_lists.csv_manifest import Person
from vultus.cli.import_report import Photo
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.errors import InvalidRequest

PEOPLE_NAMED, PHOTOS_NAMED = 10, 3  # in a preview before an import
COLUMNS = ("subject", "name", "photos", "the first")


def show_plan(photos: Sequence[Photo], people: Mapping[str, Person], as_json: bool) -> None:
    """Print everybody, for --dry-run."""
    grouped = _by_subject(photos)
    if as_json:
        found = [_as_json(*one, people) for one in grouped.items()]
        print_json({"dry_run": True, "photos": len(photos), "people": found})
        return
    print_table(COLUMNS, [(who, _name(who, people), len(of), of[0].name) for who, of in grouped.items()])
    print_lines([f"{len(photos)} photos of {len(grouped)} people; nothing was enrolled"])


def confirm_names(photos: Sequence[Photo], *, yes: bool) -> None:
    """Say on stderr whom the names of files were taken to mean; on a terminal, ask whether that is right.

    Raises InvalidRequest, when the answer is no.
    """
    grouped = _by_subject(photos)
    say(f"by their names, {len(photos)} photos show {len(grouped)} people:")
    for who, of in list(grouped.items())[:PEOPLE_NAMED]:
        more = f" and {len(of) - PHOTOS_NAMED} more" if len(of) > PHOTOS_NAMED else ""
        say(f"  {who}: {', '.join(photo.name for photo in of[:PHOTOS_NAMED])}{more}")
    if len(grouped) > PEOPLE_NAMED:
        say(f"  and {len(grouped) - PEOPLE_NAMED} more people; --dry-run lists them all")
    if not yes and is_terminal() and not typer.confirm("Enroll them so?", err=True):
        raise InvalidRequest("nothing was enrolled, as the answer was no; list the photos in a CSV: file,subject,name")


def _by_subject(photos: Sequence[Photo]) -> dict[str, list[Photo]]:
    grouped: dict[str, list[Photo]] = {}
    for photo in photos:
        grouped.setdefault(photo.subject, []).append(photo)
    return grouped


def _name(subject: str, people: Mapping[str, Person]) -> str | None:
    return people[subject].name if subject in people else None


def _as_json(subject: str, photos: Sequence[Photo], people: Mapping[str, Person]) -> dict[str, Any]:
    return {"subject": subject, "name": _name(subject, people), "photos": [photo.name for photo in photos]}
