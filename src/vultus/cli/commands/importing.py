"""vultus import: enrolls a folder of people into a collection, in threads; a stopped import can be resumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Literal

import typer

from vultus.cli.exit_codes import INTERRUPTED, PARTLY
from vultus.cli.opening import opened
from vultus.cli.options import AsJson, DataDir, InCollection, ModelDir, OnDevice, Strict
from vultus.cli.output import print_json, print_lines, progress, say
from vultus.cli.settings import load_settings, read_photo
from vultus.cli.threads import in_threads
from vultus.errors import FILE_FAILED, BadInput, CollectionNotFound, FaceRefused, InvalidRequest
from vultus.evaluation.labelled_folder import PhotoFile, PhotoListing, list_photos
from vultus.identifiers import DEFAULT_COLLECTION, check_subject
from vultus.records.cautions import Caution
from vultus.service import FaceService

ENROLLED = "enrolled"
ALREADY_THERE = "already_there"
EXAMPLES = 10  # paths listed per reason
FaceChoice = Literal["largest", "only"]


@dataclass
class ImportReport:
    """Counts by outcome. ignored: files that are no photos, by extension or reason. left_out: photos beyond --limit.

    examples: by the code of a refusal or a caution, the paths and sentences of its first photos.
    """

    collection: str
    ignored: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    cautions: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, photo: PhotoFile, outcome: str, sentence: str = "", cautions: Sequence[Caution] = ()) -> None:
        """Count one photo. outcome: ENROLLED, ALREADY_THERE or the code of a refusal, which has a sentence."""
        self.outcomes[outcome] += 1
        self.cautions.update(caution.code for caution in cautions)
        notes: list[tuple[str, str]] = [(caution.code, caution.detail) for caution in cautions]
        if outcome not in (ENROLLED, ALREADY_THERE):
            notes.append((outcome, sentence))
        for code, detail in notes:
            examples = self.examples.setdefault(code, [])
            if len(examples) < EXAMPLES:
                examples.append((photo.name, detail))

    @property
    def refused(self) -> dict[str, int]:
        """How many photos were refused, by the code of the refusal, the most frequent first."""
        return {code: count for code, count in self.outcomes.most_common() if code not in (ENROLLED, ALREADY_THERE)}

    @property
    def photos_per_second(self) -> float:
        return self.outcomes.total() / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """The JSON output."""
        return {
            "collection": self.collection,
            "photos": self.outcomes.total(),
            "enrolled": self.outcomes[ENROLLED],
            "already_there": self.outcomes[ALREADY_THERE],
            "refused": [self._as_json("error", code, count) for code, count in self.refused.items()],
            "cautions": [self._as_json("code", code, count) for code, count in self.cautions.most_common()],
            "ignored": dict(self.ignored),
            "left_out": self.left_out,
            "time": self.seconds,
            "photos_per_second": self.photos_per_second,
        }

    def _as_json(self, what: str, code: str, count: int) -> dict[str, Any]:
        """detail: the sentence of the first example."""
        paths, sentences = zip(*self.examples[code], strict=True)
        return {what: code, "count": count, "detail": sentences[0], "examples": list(paths)}

    def lines(self) -> list[str]:
        """The text output."""
        return [
            f"{self.outcomes.total()} photos into collection {self.collection}: {self.outcomes[ENROLLED]} enrolled, "
            f"{self.outcomes[ALREADY_THERE]} already there, {sum(self.refused.values())} refused; "
            f"{self.seconds:.1f} s, {self.photos_per_second:.1f} photos per second",
            *(
                line
                for code, count in self.refused.items()
                for line in self._photos(f"refused {count} with", code, count)
            ),
            *(
                line
                for code, count in self.cautions.most_common()
                for line in self._photos(f"enrolled {count} with the caution", code, count)
            ),
            *(f"ignored {count} of: {reason}" for reason, count in sorted(self.ignored.items())),
            *(
                [f"left out {self.left_out} photos beyond --limit; a higher one takes them too"]
                if self.left_out
                else []
            ),
        ]

    def _photos(self, what: str, code: str, count: int) -> list[str]:
        shown = self.examples[code]
        more = [f"  and {count - len(shown)} more"] if count > len(shown) else []
        return [f"{what} {code}:", *(f"  {path}: {sentence}" for path, sentence in shown), *more]


def import_folder(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="One sub-folder per person, named by the id.")],
    collection: InCollection = DEFAULT_COLLECTION,
    face: Annotated[FaceChoice, typer.Option("--face", help="Take the largest face, or allow one only.")] = "largest",
    strict: Strict = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Look at this many photos at most.")] = None,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    device: OnDevice = None,
    as_json: AsJson = False,
) -> None:
    """Enroll a folder: one sub-folder per person, photos inside.

    What is already there is skipped, so a stopped import goes on where it was.
    """
    settings = load_settings(data_dir=data_dir, model_dir=model_dir, device=device)
    found = list_photos(folder)
    if not found.photos:
        raise InvalidRequest(_nothing_in(folder, found))
    photos = found.photos[:limit]
    report = ImportReport(collection, ignored=found.ignored, left_out=len(found.photos) - len(photos))
    with opened(ctx, settings, may_create=True) as system:
        importer = Importer(system.service, collection, face, settings.max_image_bytes, strict)
        finished = _import_all(importer, photos, settings.compute_slots, report)
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


@dataclass(frozen=True)
class Importer:
    """Enrolls photos, one with each call. Used by several threads."""

    service: FaceService
    collection: str
    face: FaceChoice
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
        result = self.service.enrolment.enroll(
            [data], collection=self.collection, subject=subject, face=self.face, strict=self.strict
        )
        outcome = ENROLLED if result.faces[0].created else ALREADY_THERE
        return outcome, result.cautions

    def _has(self, subject: str, source: str) -> bool:
        try:
            return source in self.service.context.gallery.find_faces_by_source(self.collection, subject, [source])
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
