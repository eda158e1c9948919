"""vultus import: enrolls a folder of people into a collection, on all cores; a stopped import can be resumed.

Processes compute, one a core; this one stores what they find, so that the database has one writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Annotated, Any

import typer

from vultus.cli.analysis_pool import AnalysisPool
from vultus.cli.commands.exchange import import_from
from vultus.cli.exit_codes import INTERRUPTED, PARTLY
from vultus.cli.import_lists.photo_importer import BATCH, Importer, add_subjects, describe
from vultus.cli.import_lists.preview import confirm_names, show_plan
from vultus.cli.import_report import ImportReport, Photo
from vultus.cli.opening import opened, openers_of
from vultus.cli.options import AsJson, DataDir, FromService, InCollection, ModelDir, OnDevice, Strict
from vultus.cli.other_services.photo_sources import PhotoSource, open_source
from vultus.cli.other_services.rekognition_photos import LabelledImporter, list_labelled_photos
from vultus.cli.output import print_json, print_lines, say
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import progress
from vultus.cli.threads import in_threads
from vultus.config import Settings
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.cautions import Caution
from vultus.service import FaceService
from vultus.service.accepted_faces import Acceptance, AcceptedFace, WhichFace, accept_photo, accept_photos
from vultus.service.bulk.batch_enrolment import BatchEnrolment
from vultus.service.context import ServiceContext
from vultus.service.enrolment import Enrolment

MOST_PROCESSES = 256
Outcome = tuple[Photo, str, str, Sequence[Caution]]
Enroll = Callable[[Any], tuple[Sequence[Outcome], BaseException | None]]
THREADS_A_PROCESS = 2  # a photo waits for each process, so that none waits for the storage
TOGETHER = 4  # photos that a process computes at once: 2 ms of the networks' time less for each, and 8 save little more
BATCHES_MORE = 2  # under way: one that is stored, and one that is read


def import_folder(
    ctx: typer.Context,
    folder: Annotated[
        str | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="One sub-folder per person; or photos named like anna_1.jpg; or a CSV; with --from: the source.",
        ),
    ] = None,
    service: FromService = None,
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="ARCHIVE", help="Instead: a file that `vultus export` wrote, whole."),
    ] = None,
    collection: InCollection = DEFAULT_COLLECTION,
    face: Annotated[WhichFace, typer.Option("--face", help="Take the largest face, or allow one only.")] = "largest",
    strict: Strict = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show who is on which photos, and enroll nobody.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask whether names of files were understood.")
    ] = False,
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

    Photos without sub-folders are of the people they are named for: anna_1.jpg and anna_2.jpg of anna. A CSV has the
    columns file and subject, and where wanted name; what is more becomes metadata. `--dry-run` shows who is on what.

    What is already there is skipped, so a stopped import goes on where it was. `--from compreface URL` reads the people
    of a CompreFace server; the key of its recognition service is asked for, or read from standard input. `--from
    rekognition LIST.csv` indexes photos with their ExternalImageIds, and puts them into their users.
    """
    settings = load_settings(data_dir=data_dir, model_dir=model_dir, device=device)
    if archive is not None and folder is None:
        if service is not None:
            raise typer.BadParameter("an --archive is of this service; leave --from out")
        import_from(archive, settings, as_json)
        return
    if folder is None or archive is not None:
        raise typer.BadParameter("name a FOLDER, or a file with --archive")
    if dry_run and service == "rekognition":
        raise typer.BadParameter("is for people, and --from rekognition indexes faces", param_hint="--dry-run")
    if service == "rekognition":
        report, finished = _import_labelled(ctx, Path(folder), settings, collection, limit, bar=not as_json)
        _conclude(report, finished, as_json)
        return
    with closing(open_source(service, folder, settings.max_image_bytes)) as source:
        photos = source.photos[:limit]
        if dry_run:
            show_plan(photos, source.people, as_json)
            return
        if source.guessed:
            confirm_names(photos, yes=yes or as_json)
        report = ImportReport(collection, ignored=source.ignored, left_out=len(source.photos) - len(photos))
        count = min(processes or settings.compute_slots, max(len(photos), 1))
        with _computing(ctx, settings, count) as (faces, pool):
            work = _Work(faces.context, pool, collection, face, strict)
            finished = work.run(source, photos, count, report, bar=not as_json)
            if finished and limit is None:
                add_subjects(faces, collection, source.subjects)
                describe(faces, collection, source.people)
    _conclude(report, finished, as_json)


@dataclass(frozen=True)
class _Work:
    """How photos are enrolled."""

    context: ServiceContext
    pool: AnalysisPool | None
    collection: str
    face: WhichFace
    strict: bool

    def run(self, source: PhotoSource, photos: Sequence[Any], count: int, report: ImportReport, *, bar: bool) -> bool:
        """Enroll them, computed by so many processes; False when Ctrl-C stopped it."""
        stopping, calls = Event(), 1 if count == 1 else THREADS_A_PROCESS * count
        size, threads = (1, calls) if self.strict else (BATCH, BATCHES_MORE + -(-calls * TOGETHER // BATCH))
        with ThreadPoolExecutor(calls) as computing:
            importer = self._importer(source, computing, stopping)
            some = [photos[i : i + size] for i in range(0, len(photos), size)]
            return _import_all(importer.enroll, some, threads, report, stopping, bar=bar)

    def _importer(self, source: PhotoSource, computing: Executor, stopping: Event) -> Importer:
        context, pool = self.context, self.pool
        here = partial(accept_photos, context.pipeline, context.models)

        def one_here(photo: bytes, source: str, rules: Acceptance) -> AcceptedFace:
            """In the thread that computes: another one might wait for the slot for ever."""
            return computing.submit(accept_photo, context.pipeline, context.models, photo, source, rules).result()

        enrolment = Enrolment(context, one_here if pool is None else pool.accept)
        accept, together = (here, 1) if pool is None else (pool.accept_some, TOGETHER)
        batches = BatchEnrolment(context, accept, computing, stopping, together=together)
        about = (context.gallery, self.collection, self.face, source.read, source.people, self.strict)
        return Importer(enrolment, batches, *about)


def _import_labelled(
    ctx: typer.Context, listing: Path, settings: Settings, collection: str, limit: int | None, *, bar: bool
) -> tuple[ImportReport, bool]:
    """Index the photos of a list, and whether all were: in this process, whose threads share the cores."""
    listed = list_labelled_photos(listing)
    photos = listed[:limit]
    report = ImportReport(collection, left_out=len(listed) - len(photos))
    with _computing(ctx, settings, 1) as (faces, _):
        importer = LabelledImporter(faces, collection, settings.max_image_bytes)
        one_by_one: Enroll = lambda some: ([importer.enroll(one) for one in some], None)  # noqa: E731
        some = [[one] for one in photos]
        return report, _import_all(one_by_one, some, settings.compute_slots, report, Event(), bar=bar)


def _conclude(report: ImportReport, finished: bool, as_json: bool) -> None:
    """Print the report, and end with its exit code."""
    if as_json:
        print_json(report.as_json())
    else:
        print_lines(report.lines())
    if not finished:
        say("stopped; run the same command again to go on")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(PARTLY if report.refused else 0)


@contextmanager
def _computing(ctx: typer.Context, settings: Settings, count: int) -> Iterator[tuple[FaceService, AnalysisPool | None]]:
    """The service, and `count` processes that compute faces; None: this process does."""
    with opened(ctx, settings, may_create=True, warm=count == 1) as system:
        if count == 1:
            yield system.service, None
            return
        with AnalysisPool(settings, openers_of(ctx).open_analysis, count) as pool:
            yield system.service, pool


def _import_all(
    enroll: Enroll,
    batches: Sequence[Sequence[Photo]],
    threads: int,
    report: ImportReport,
    stopping: Event,
    *,
    bar: bool,
) -> bool:
    """Import the photos and count them in the report; False when Ctrl-C stopped it.

    stopping: set at its end, whatever that is, so that what is under way is stored and nothing more is computed.
    """
    started = perf_counter()
    try:
        with (
            progress("importing", sum(map(len, batches)), bar=bar) as advance,
            closing(in_threads(enroll, batches, threads, ending=stopping.set)) as found,
        ):
            for outcomes, error in found:
                for outcome in outcomes:
                    report.add(*outcome)
                    advance()
                if error is not None:
                    raise error
    except KeyboardInterrupt:
        return False
    finally:
        report.seconds = perf_counter() - started
    return True
