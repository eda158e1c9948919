"""vultus import: a folder of people into a collection, resumable, as fast as the machine is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from vultus.cli.context import load_settings, opened, read_photo
from vultus.cli.exit_codes import FILE_FAILED, INTERRUPTED, PARTLY
from vultus.cli.folder import Folder, PhotoFile, look_through
from vultus.cli.options import AsJson, DataDir, InCollection, ModelDir
from vultus.cli.output import print_json, print_lines, say
from vultus.cli.progress import progress
from vultus.cli.tally import ALREADY_THERE, ENROLLED, Tally
from vultus.errors import BadInput, CollectionNotFound, FaceRefused, InvalidRequest

if TYPE_CHECKING:
    from vultus.service import FaceService

AHEAD = 2  # photos handed out per thread, so that none waits for the next and Ctrl-C stops soon
FaceChoice = Literal["largest", "only"]
A = TypeVar("A")
B = TypeVar("B")


def import_folder(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="One sub-folder per person, named by the id.")],
    collection: InCollection = "default",
    face: Annotated[FaceChoice, typer.Option("--face", help="Take the largest face, or allow one only.")] = "largest",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Look at this many photos at most.")] = None,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Enroll a folder: one sub-folder per person, photos inside.

    What is already there is skipped, so a stopped import goes on where it was.
    """
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    found = look_through(folder)
    if not found.photos:
        raise InvalidRequest(_nothing_in(folder, found))
    photos = found.photos[:limit]
    tally = Tally(collection, ignored=found.ignored)
    with opened(ctx, settings) as system:
        importer = Importer(system.service, collection, face, settings.max_image_bytes)
        finished = _import_all(importer, photos, settings.compute_slots, tally)
    if as_json:
        print_json(tally.as_json())
    else:
        print_lines(tally.lines())
    if not finished:
        say("stopped; run the same command again to go on")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(PARTLY if tally.refused else 0)


def _nothing_in(folder: Path, found: Folder) -> str:
    other = ", ".join(f"{count} of: {reason}" for reason, count in sorted(found.ignored.items()))
    sentence = f"{folder} has no photos in sub-folders; make one sub-folder per person, named by the id"
    return f"{sentence} (found {other})" if other else sentence


@dataclass(frozen=True)
class Importer:
    """Enrolls one photo after another. Used by several threads."""

    service: FaceService
    collection: str
    face: FaceChoice
    max_bytes: int

    def enroll(self, photo: PhotoFile) -> tuple[PhotoFile, str]:
        """The photo and what became of it: ENROLLED, ALREADY_THERE or the code of the refusal.

        Raises what concerns all photos, such as StorageFailed or ModelMismatch.
        """
        try:
            return photo, self._enroll(photo.subject, read_photo(photo.path, self.max_bytes))
        except (BadInput, FaceRefused) as refusal:
            return photo, refusal.code
        except OSError:
            return photo, FILE_FAILED

    def _enroll(self, subject: str, data: bytes) -> str:
        _require_valid(subject)
        if self._has(subject, sha256(data).hexdigest()):
            return ALREADY_THERE
        result = self.service.enroll([data], collection=self.collection, subject=subject, face=self.face)
        return ENROLLED if result.faces[0].created else ALREADY_THERE

    def _has(self, subject: str, source: str) -> bool:
        try:
            return source in self.service.gallery.find_faces_by_source(self.collection, subject, [source])
        except CollectionNotFound:
            return False


def _require_valid(subject: str) -> None:
    from vultus.schemas.field_types import check_subject

    try:
        check_subject(subject)
    except ValueError as exc:
        raise InvalidRequest(f"the name of the sub-folder {exc}; rename it") from exc


def _import_all(importer: Importer, photos: Sequence[PhotoFile], threads: int, tally: Tally) -> bool:
    """Import the photos into the tally; False when Ctrl-C stopped it."""
    started = perf_counter()
    try:
        with (
            progress("importing", len(photos)) as advance,
            closing(in_threads(importer.enroll, photos, threads)) as outcomes,
        ):
            for photo, outcome in outcomes:
                tally.add(photo, outcome)
                advance()
    except KeyboardInterrupt:
        return False
    finally:
        tally.seconds = perf_counter() - started
    return True


def in_threads(work: Callable[[A], B], items: Sequence[A], threads: int) -> Generator[B, None, None]:
    """The results of `work` as they come, with a bounded number handed out; an exception ends it after those."""
    waiting: set[Future[B]] = set()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.add(pool.submit(work, item))
            if len(waiting) >= AHEAD * threads:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
