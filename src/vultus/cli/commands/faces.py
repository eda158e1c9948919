"""vultus faces: list, show and erase enrolled faces; on the database alone, also beside a running server."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from vultus.cli.confirmation import Yes, confirm
from vultus.cli.id_prefix import LEAST_CHARACTERS, full_id
from vultus.cli.kept_gallery import MOST_LISTED, open_kept_gallery
from vultus.cli.options import AsJson, DataDir, InCollection
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.stored import EnrolledFace
from vultus.schemas.resources import DeletedFace, face_answer, removed
from vultus.storage.gallery import Gallery

app = typer.Typer(help="Faces: list, show, erase.", no_args_is_help=True)
COLUMNS = ("face", "subject", "quality", "photo", "model", "since (UTC)")
MOST_FOUND = 10  # ids with one beginning; a refusal names fewer
FACES_AT_ONCE = 1000
FaceId = Annotated[
    str,
    typer.Argument(
        metavar="FACE", help=f"Id of the face, or {LEAST_CHARACTERS} and more characters that it alone begins with."
    ),
]


@app.command("list")
def list_faces(
    collection: InCollection = DEFAULT_COLLECTION,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST_LISTED, help="Most faces.")] = 100,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the faces of a collection, in the order of their enrolment; those of one subject: `subjects show`."""
    with open_kept_gallery(data_dir) as kept:
        found, after = list[EnrolledFace](), 0
        while page := kept.gallery.faces_of_collection(collection, after=after, limit=FACES_AT_ONCE):
            found += [face for face, _ in islice(page, limit + 1 - len(found))]
            after = page[-1][1]
            if len(found) > limit:
                break
    faces, more = found[:limit], len(found) > limit
    if as_json:
        print_json({"faces": [face_answer(face).model_dump(mode="json") for face in faces], "more": more})
    else:
        print_table(COLUMNS, map(_row, faces))
    if more:
        say(f"there are more faces; show more of them by --limit, which is {limit}")


@app.command("show")
def show_face(face_id: FaceId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a face."""
    with open_kept_gallery(data_dir) as kept:
        face = kept.gallery.face(_full_face(kept.gallery, face_id))
    if as_json:
        print_json(face_answer(face).model_dump(mode="json"))
        return
    print_table(("collection", *COLUMNS), [(face.collection, *_row(face))])
    if face.quality is not None:
        print_table(("quality", "0..100"), face.quality.parts.items())


@app.command("erase")
def erase_face(face_id: FaceId, yes: Yes = False, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Erase a face, and its photo when no other face uses it; the subject stays. It cannot be undone."""
    with open_kept_gallery(data_dir) as kept:
        face_id = _full_face(kept.gallery, face_id)
        confirm(f"Erase face {face_id} of {kept.gallery.face(face_id).subject!r}", yes=yes)
        deleted = kept.without_photos(*kept.gallery.delete_face(face_id))
    if as_json:
        print_json(DeletedFace(face_id=face_id, deleted=removed(deleted)).model_dump(mode="json"))
    else:
        print_lines([f"face {face_id} is erased, with {deleted.photos} photos"])


def _full_face(gallery: Gallery, given: str) -> str:
    return full_id(given, gallery.face_ids_beginning(given, limit=MOST_FOUND))


def _row(face: EnrolledFace) -> tuple[object, ...]:
    quality = None if face.quality is None else face.quality.score
    return (face.id, face.subject, quality, face.photo is not None, face.model_id, face.created_at)
