"""vultus import: enrolls a folder of people into a collection, on all cores; a stopped import can be resumed.

Processes compute, one a core; this one stores what they find, so that the database has one writer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from vultus.cli.analysis_pool import AnalysisPool
from vultus.cli.commands.exchange import import_from
from vultus.cli.deepface_folder import list_deepface_photos
from vultus.cli.exit_codes import INTERRUPTED, PARTLY
from vultus.cli.import_report import ALREADY_THERE, ENROLLED, ImportReport
from vultus.cli.opening import opened, openers_of
from vultus.cli.options import AsJson, DataDir, FromService, InCollection, ModelDir, OnDevice, Strict
from vultus.cli.output import print_json, print_lines, progress, say
from vultus.cli.settings import load_settings, read_photo
from vultus.cli.threads import in_threads
from vultus.config import Settings
from vultus.errors import FILE_FAILED, BadInput, CollectionNotFound, FaceRefused, InvalidRequest
from vultus.evaluation.labelled_folder import PhotoFile, PhotoListing, list_photos
from vultus.identifiers import DEFAULT_COLLECTION, check_subject
from vultus.records.cautions import Caution
from vultus.service import FaceService
from vultus.service.accepted_faces import Accept, WhichFace
from vultus.service.enrolment import Enrolment
from vultus.storage.gallery_reader import GalleryReader

MOST_PROCESSES = 256
THREADS_A_PROCESS = 2  # one stores while the process computes for the other


def import_folder(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="One sub-folder per person, named by the id.")
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="ARCHIVE", help="Instead: a file that `vultus export` wrote, whole."),
    ] = None,
    source: FromService = None,
    collection: InCollection = DEFAULT_COLLECTION,
    face: Annotated[WhichFace, typer.Option("--face", help="Take the largest face, or allow one only.")] = "largest",
    strict: Strict = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Look at this many photos at most.")] = None,
    processes: Annotated[
        int | None,
        typer.Option("--processes", min=1, max=MOST_PROCESSES, help="Processes that compute. Default: one a core."),
    ] = None,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    device: OnDevice = None,
    as_json: AsJson = False,
) -> None:
    """Enroll a folder: one sub-folder per person, photos inside.

    What is already there is skipped, so a stopped import goes on where it was.
    """
    settings = load_settings(data_dir=data_dir, model_dir=model_dir, device=device)
    if archive is not None and folder is None:
        if source is not None:
            raise typer.BadParameter("an --archive is of this service; leave --from out")
        import_from(archive, settings, as_json)
        return
    if folder is None or archive is not None:
        raise typer.BadParameter("name a FOLDER, or a file with --archive")
    found = list_deepface_photos(folder) if source == "deepface" else list_photos(folder)
    if not found.photos:
        raise InvalidRequest(_nothing_in(folder, found))
    photos = found.photos[:limit]
    report = ImportReport(collection, ignored=found.ignored, left_out=len(found.photos) - len(photos))
    count = min(processes or settings.compute_slots, len(photos))
    with _computing(ctx, settings, count) as (service, accept):
        enrolment = Enrolment(service.context, accept)
        importer = Importer(enrolment, service.context.gallery, collection, face, settings.max_image_bytes, strict)
        finished = _import_all(importer, photos, _threads(count), report)
    if as_json:
        print_json(report.as_json())
    else:
        print_lines(report.lines())
    if not finished:
        say("stopped; run the same command again to go on")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(PARTLY if report.refused else 0)


def _nothing_in(folder: Path, found: PhotoListing) -> str:
    other = ", ".join(f"{count} of: {reason}" for reason, count in sorted(found.ignored.items()))
    sentence = f"{folder} has no photos in sub-folders; make one sub-folder per person, named by the id"
    return f"{sentence} (found {other})" if other else sentence


@contextmanager
def _computing(ctx: typer.Context, settings: Settings, count: int) -> Iterator[tuple[FaceService, Accept | None]]:
    """The service, and what computes faces in `count` processes; None: this process does."""
    with opened(ctx, settings, may_create=True, warm=count == 1) as system:
        if count == 1:
            yield system.service, None
            return
        with AnalysisPool(settings, openers_of(ctx).open_analysis, count) as pool:
            yield system.service, pool.accept


def _threads(count: int) -> int:
    """How many photos are under way at once, computed by so many processes."""
    return 1 if count == 1 else THREADS_A_PROCESS * count


@dataclass(frozen=True)
class Importer:
    """Enrolls photos, one with each call. Used by several threads."""

    enrolment: Enrolment
    gallery: GalleryReader
    collection: str
    face: WhichFace
    max_bytes: int
    strict: bool = False

    def enroll(self, photo: PhotoFile) -> tuple[PhotoFile, str, str, tuple[Caution, ...]]:
        """The photo; its outcome: ENROLLED, ALREADY_THERE or the code of the refusal; its sentence; the cautions.

        Raises errors that concern all photos, such as StorageFailed or ModelMismatch.
        """
        try:
            outcome, cautions = self._enroll(photo.subject, read_photo(photo.path, self.max_bytes))
        except (BadInput, FaceRefused) as refusal:
            return photo, refusal.code, str(refusal), ()
        except OSError as exc:
            return photo, FILE_FAILED, exc.strerror or type(exc).__name__, ()
        return photo, outcome, "", cautions

    def _enroll(self, subject: str, data: bytes) -> tuple[str, tuple[Caution, ...]]:
        _require_valid(subject)
        if self._has(subject, sha256(data).hexdigest()):  # before detection: a resumed import is quick
            return ALREADY_THERE, ()
        result = self.enrolment.enroll(
            [data], collection=self.collection, subject=subject, face=self.face, strict=self.strict
        )
        outcome = ENROLLED if result.faces[0].created else ALREADY_THERE
        return outcome, result.cautions

    def _has(self, subject: str, source: str) -> bool:
        try:
            return source in self.gallery.find_faces_by_source(self.collection, subject, [source])
        except CollectionNotFound:
            return False


def _require_valid(subject: str) -> None:
    try:
        check_subject(subject)
    except ValueError as exc:
        raise InvalidRequest(f"the name of the sub-folder {exc}; rename it") from exc


def _import_all(importer: Importer, photos: Sequence[PhotoFile], threads: int, report: ImportReport) -> bool:
    """Import the photos and count them in the report; False when Ctrl-C stopped it."""
    started = perf_counter()
    try:
        with (
            progress("importing", len(photos)) as advance,
            closing(in_threads(importer.enroll, photos, threads)) as outcomes,
        ):
            for outcome in outcomes:
                report.add(*outcome)
                advance()
    except KeyboardInterrupt:
        return False
    finally:
        report.seconds = perf_counter() - started
    return True
