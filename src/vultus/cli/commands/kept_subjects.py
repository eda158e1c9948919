"""vultus subjects: list and show them, let one expire, erase one, export all that is held on one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli.commands.subjects import Subject, app, full_subject
from vultus.cli.confirmation import Yes, confirm
from vultus.cli.expiry_option import ExpiresAt
from vultus.cli.kept_gallery import MOST_LISTED, open_kept_gallery
from vultus.cli.options import AsJson, DataDir, InCollection, check_name
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.errors import InvalidRequest, VultusError
from vultus.files import PRIVATE
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.stored import Subject as StoredSubject
from vultus.schemas.resources import DeletedSubject, face_answer, removed, subject_answer
from vultus.service.exporting.subject_export import export_of

COLUMNS = ("subject", "name", "faces", "since (UTC)", "expires (UTC)")
__all__ = ["app"]


@app.command("list")
def list_subjects(
    collection: InCollection = DEFAULT_COLLECTION,
    query: Annotated[
        str | None, typer.Option("--query", help="Only ids that begin with it, or names that contain it.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST_LISTED, help="Most subjects.")] = 100,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the subjects of a collection, in the order of their ids."""
    with open_kept_gallery(data_dir) as kept:
        found = kept.gallery.subjects(collection, limit=limit + 1, query=query)
    subjects, more = found[:limit], len(found) > limit
    if as_json:
        answers = [subject_answer(one).model_dump(mode="json") for one in subjects]
        print_json({"subjects": answers, "more": more})
    else:
        print_table(COLUMNS, map(_row, subjects))
    if more:
        say(f"there are more subjects; show more of them by --limit, which is {limit}")


@app.command("show")
def show_subject(
    subject: Subject, collection: InCollection = DEFAULT_COLLECTION, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Show a subject with its metadata and its faces."""
    with open_kept_gallery(data_dir) as kept:
        subject = full_subject(kept.gallery, collection, subject)
        found, faces = kept.gallery.subject(collection, subject), kept.gallery.faces(collection, subject)
    answers = [face_answer(face).model_dump(mode="json") for face in faces]
    if as_json:
        print_json({**subject_answer(found).model_dump(mode="json"), "enrolled_faces": answers})
        return
    print_table(COLUMNS, [_row(found)])
    print_lines([f"metadata: {dict(found.metadata)}"] if found.metadata else [])
    rows = [(face.id, face.quality and face.quality.score, face.photo is not None, face.created_at) for face in faces]
    print_table(("face", "quality", "photo", "since (UTC)"), rows)


@app.command("update")
def update_subject(
    subject: Subject,
    name: Annotated[
        str | None, typer.Option("--name", help="Its new name; an empty one removes it.", callback=check_name)
    ] = None,
    expires_at: ExpiresAt = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="Take its expiry away.")] = False,
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change the name of a subject, or when it is erased; what is not named stays."""
    if name is None and expires_at is None and not never_expires:
        raise typer.BadParameter("nothing to change is named; use --name, --expires-at or --never-expires")
    if expires_at is not None and never_expires:
        raise typer.BadParameter("leave out --expires-at or --never-expires")
    with open_kept_gallery(data_dir) as kept:
        subject = full_subject(kept.gallery, collection, subject)
        changed = kept.gallery.update_subject(
            collection, subject, name=name, expires_at=expires_at, never_expires=never_expires
        )
    if as_json:
        print_json(subject_answer(changed).model_dump(mode="json"))
    else:
        print_table(COLUMNS, [_row(changed)])


@app.command("erase")
def erase_subject(
    subject: Subject,
    collection: InCollection = DEFAULT_COLLECTION,
    yes: Yes = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person: faces, embeddings, and photos that no one else uses. It cannot be undone."""
    with open_kept_gallery(data_dir) as kept:
        subject = full_subject(kept.gallery, collection, subject)
        faces = kept.gallery.subject(collection, subject).faces
        confirm(f"Erase {subject!r} of {collection!r} with {faces} faces", yes=yes)
        deleted = kept.without_photos(*kept.gallery.delete_subject(collection, subject))
    if as_json:
        spellings = list(deleted.other_spellings)
        answer = DeletedSubject(subject=deleted.subject or subject, deleted=removed(deleted), other_spellings=spellings)
        print_json(answer.model_dump(mode="json"))
        return
    print_lines([f"{subject} is erased: {deleted.faces} faces, {deleted.photos} photos"])
    for other in deleted.other_spellings:
        say(f"{other!a} is the same text in other code points, and still enrolled")


@app.command("export")
def export_person(
    subject: Subject,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The zip to write; it must not be there yet.")],
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write all that is held on a person to a zip: JSON, embeddings, photos, audit lines."""
    with open_kept_gallery(data_dir) as kept:
        subject = full_subject(kept.gallery, collection, subject)
        found = export_of(kept.gallery, kept.photos, collection, subject)
        kept.gallery.record_export(collection, found.face_ids)
        size = write_new_file(to, found.chunks)
    if as_json:
        print_json({"subject": subject, "file": str(to), "bytes": size, "faces": len(found.face_ids)})
    else:
        print_lines([f"all that is held on {subject} is in {to}: {len(found.face_ids)} faces, {size} bytes"])


def write_new_file(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a file that only this user may read; it is there as a whole or not at all. Its bytes."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    except OSError as exc:
        raise InvalidRequest(f"{path} cannot be made: {exc.strerror}; name another file with --to") from exc
    try:
        with os.fdopen(descriptor, "wb") as file:
            return sum(file.write(chunk) for chunk in chunks)
    except OSError as exc:
        path.unlink()
        raise VultusError(f"{path} could not be written: {exc.strerror}; free some space and try again") from exc
    except BaseException:
        path.unlink()
        raise


def _row(subject: StoredSubject) -> tuple[object, ...]:
    return (subject.id, subject.name or None, subject.faces, subject.created_at, subject.expires_at)
