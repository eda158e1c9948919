"""vultus subjects: list, show, change, undo; on the database alone, also beside a running server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from vultus.cli.id_prefix import LEAST_CHARACTERS, full_id
from vultus.cli.options import AsJson, DataDir, InCollection, check_known_subject, check_subject
from vultus.cli.output import print_json, print_lines, say
from vultus.cli.settings import load_settings
from vultus.errors import SubjectExists
from vultus.identifiers import DEFAULT_COLLECTION, canonical
from vultus.records.cautions import Caution
from vultus.records.stored import Undo
from vultus.schemas.corrections import merged_subject, moved_face, renamed_subject, undone_answer
from vultus.service.likeness import id_cautions
from vultus.storage.audit import COMMAND, Act
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import ready_database

app = typer.Typer(help="Subjects: list, show, erase, export, rename, merge, undo.", no_args_is_help=True)
MOST_FOUND = 10  # ids with one beginning; a refusal names fewer
BEGINNING = f"or {LEAST_CHARACTERS} and more characters that it alone begins with"
Subject = Annotated[
    str, typer.Argument(metavar="ID", help=f"Id of the subject, {BEGINNING}.", callback=check_known_subject)
]
NewId = Annotated[str, typer.Argument(metavar="NEW", help="Its new id, which must be free.", callback=check_subject)]
Into = Annotated[
    str, typer.Argument(metavar="INTO", help=f"The subject that stays, {BEGINNING}.", callback=check_known_subject)
]


@contextmanager
def open_gallery(data_dir: Path | None) -> Iterator[tuple[Gallery, timedelta]]:
    """The gallery in the database of these settings, and how long a change can be undone."""
    settings = load_settings(data_dir=data_dir)
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        yield Gallery(database).acting_as(Act(COMMAND)), timedelta(hours=settings.undo_hours)


@app.command("rename")
def rename_subject(
    subject: Subject,
    new_id: NewId,
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a subject another id."""
    with open_gallery(data_dir) as (gallery, undo_for):
        subject = full_subject(gallery, collection, subject)
        changed = gallery.corrections.rename(collection, subject, new_id, undo_for=undo_for)
        cautions = id_cautions(gallery, None, collection, [changed.subject.id])
    changed = replace(changed, cautions=cautions)
    _show(renamed_subject(changed), f"{subject} is {new_id} now", changed.undo, as_json, cautions)


@app.command("merge")
def merge_subject(
    subject: Subject,
    into: Into,
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Move all faces of a subject to another one; the first is gone then."""
    with open_gallery(data_dir) as (gallery, undo_for):
        subject, into = (full_subject(gallery, collection, one) for one in (subject, into))
        changed = gallery.corrections.merge(collection, subject, into, undo_for=undo_for)
    said = f"{changed.moved} faces of {subject} belong to {into} now, which has {changed.subject.faces}"
    _show(merged_subject(changed), said, changed.undo, as_json)


@app.command("move")
def move_face(
    face_id: Annotated[str, typer.Argument(metavar="FACE", help=f"Id of the face, {BEGINNING}.")],
    subject: Annotated[
        str, typer.Argument(metavar="ID", help="The subject that gets it, made when new.", callback=check_subject)
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Move a face to another subject of its collection."""
    with open_gallery(data_dir) as (gallery, undo_for):
        face_id = full_id(face_id, gallery.face_ids_beginning(face_id, limit=MOST_FOUND))
        moved = gallery.corrections.move(face_id, subject, undo_for=undo_for)
        new = [moved.face.subject] if moved.created else []
        cautions = id_cautions(gallery, None, moved.face.collection, new)
    moved = replace(moved, cautions=cautions)
    _show(moved_face(moved), f"face {face_id} belongs to {subject} now", moved.undo, as_json, cautions)


@app.command("spellings")
def list_spellings(
    merge: Annotated[bool, typer.Option("--merge", help="Merge each into the composed one; can be undone.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Subjects of an earlier release whose ids are other code points of the same text as another id."""
    with open_gallery(data_dir) as (gallery, undo_for):
        found = gallery.doubly_spelled()
        for collection, subject in found if merge else ():
            _compose(gallery, collection, subject, undo_for)
    if as_json:
        print_json({"merged": merge, "subjects": [{"collection": one, "subject": other} for one, other in found]})
    else:
        lines = [f"{collection}: {canonical(subject)} is also {subject!a}" for collection, subject in found]
        end = "each is one subject now" if merge and found else ""
        print_lines([*lines, end] if end else lines or ["every id has one spelling"])


def _compose(gallery: Gallery, collection: str, subject: str, undo_for: timedelta) -> None:
    """Merge a subject into the one of the composed spelling; where that one is gone, rename it."""
    try:
        gallery.corrections.rename(collection, subject, canonical(subject), undo_for=undo_for)
    except SubjectExists:
        gallery.corrections.merge(collection, subject, canonical(subject), undo_for=undo_for)


@app.command("undo")
def undo_change(
    undo_id: Annotated[str, typer.Argument(metavar="ID", help="The id that the change printed.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Undo a rename, a merge or a move: once, and only while nothing of it was erased."""
    with open_gallery(data_dir) as (gallery, _):
        undone = gallery.corrections.undo(undo_id)
    said = f"undone: {undone.action}; {undone.subject.id} has {undone.subject.faces} faces"
    _show(undone_answer(undone), said, None, as_json)


def full_subject(gallery: Gallery, collection: str, given: str) -> str:
    """The id that is meant. Ids are stored composed but for those of an earlier release, which are given in full."""
    for spelling in (given, canonical(given)):
        if known := gallery.subject_ids_beginning(collection, spelling, limit=MOST_FOUND):
            return full_id(spelling, known)
    return given


def _show(answer: BaseModel, sentence: str, undo: Undo | None, as_json: bool, cautions: Sequence[Caution] = ()) -> None:
    for caution in () if as_json else cautions:
        say(caution.detail)
    if as_json:
        print_json(answer.model_dump(mode="json"))
    elif undo is None:
        print_lines([sentence])
    else:
        print_lines([sentence, f"until {undo.until:%Y-%m-%d %H:%M} UTC: vultus subjects undo {undo.id}"])
