"""vultus evaluate: error rates on a labelled folder, a list of pairs, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from vultus import __version__
from vultus.cli.embedding import (
    CacheOption,
    Choices,
    DataOption,
    DetectorOption,
    FaceOption,
    embed_photos,
    shown_detector,
)
from vultus.cli.evaluation_photos.damaged_photos import measure_damaged_photos
from vultus.cli.evaluation_photos.liveness_photos import evaluate_liveness
from vultus.cli.opening import Vision, openers_of
from vultus.cli.options import AsJson, ModelDir, ModelName
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import working
from vultus.cli.thresholds_in_use import IN_USE_FMRS, ThresholdsInUse, reference_by, thresholds_in_use
from vultus.config import Settings
from vultus.evaluation.damage.measure_damage import DamageResult
from vultus.evaluation.embed_photos import EmbeddedPhotos
from vultus.evaluation.labelled_folder import LabelledFolder, read_folder
from vultus.evaluation.measure import measure_pairs
from vultus.evaluation.pair_list import PairList, read_pairs
from vultus.evaluation.presentation.as_json import evaluation_as_json
from vultus.evaluation.presentation.as_tables import evaluation_as_tables
from vultus.evaluation.presentation.figures import can_draw
from vultus.evaluation.presentation.report import render_report
from vultus.evaluation.results import Evaluation, Score, Setup, count_failures, measure_folder


def evaluate(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="One sub-folder per person, photos inside.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="CSV of pairs: path1, path2, same (1 or 0), fold if there are folds.")
    ] = None,
    model: ModelName = None,
    detector: DetectorOption = None,
    face: FaceOption = "largest",
    attributes: Annotated[
        Path | None, typer.Option("--attributes", help="CSV with subject or path, and a column of groups.")
    ] = None,
    column: Annotated[str, typer.Option("--column", help="Column of --attributes to compare groups by.")] = "attribute",
    gallery: Annotated[
        int | None,
        typer.Option("--gallery", min=1, help="People enrolled in the search test; default: half of them."),
    ] = None,
    templates: Annotated[int, typer.Option("--templates", min=1, help="Photos of each that are enrolled.")] = 1,
    degrade: Annotated[
        bool,
        typer.Option("--degrade", help="Measure damaged copies of up to 200 photos too, in 24 ways; takes minutes."),
    ] = False,
    by: Annotated[
        Score | None,
        typer.Option("--by", help="Scores relative to other faces, or cosines; default: what the service decides by."),
    ] = None,
    liveness: Annotated[
        Path | None,
        typer.Option("--liveness", metavar="FOLDER", help="Measure liveness: live/, and a folder a kind of attack."),
    ] = None,
    words: DataOption = None,
    cache: CacheOption = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a report with figures, as one HTML file.")
    ] = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure error rates on your own photos, in the terms of ISO/IEC 19795-1.

    FNMR at each FMR with intervals, search errors, groups side by side, likely wrong labels. Nothing is enrolled.
    """
    settings = load_settings(model_dir=model_dir, default_model=model)
    if liveness is not None:
        if folder is not None or pairs is not None or degrade:
            raise typer.BadParameter("--liveness is measured by itself; leave out FOLDER, --pairs and --degrade")
        evaluate_liveness(openers_of(ctx).open_vision(settings), liveness, settings, words, report, as_json)
        return
    if degrade and folder is None:
        raise typer.BadParameter("--degrade needs a FOLDER")
    if report is not None and not can_draw():
        raise typer.BadParameter(
            "--report needs the Python package matplotlib, which is not here; leave it out, or use --json"
        )
    data = _read(folder, pairs, attributes, column, words)
    vision = openers_of(ctx).open_vision(settings)
    served = vision.models.resolve(model)
    choices = Choices(served, detector, face, cache, reference_by(served, by), as_json)
    in_use = thresholds_in_use(choices)
    photos = embed_photos(vision, data.paths, choices, settings)
    with working("measuring", bar=not as_json):
        found = _measure(data, photos, _setup(vision, choices, data), choices, in_use, gallery, templates)
    if degrade:
        found = replace(found, damage=_damage(vision, data, photos, choices, settings, found))
    _publish(found, report, as_json)


class Data:
    """The data of an evaluation: a labelled folder, a pair list, or both."""

    def __init__(self, folder: LabelledFolder | None, pairs: PairList | None, name: str, base: Path) -> None:
        """name: of the data, in results. base: the folder that photos of the pair list are named relative to."""
        self.folder, self.pairs, self.name, self._base = folder, pairs, name, base
        # Resolved, so that a photo of both the folder and the list is embedded once.
        self.labelled = [photo.path.resolve() for photo in folder.photos] if folder is not None else []
        self.labels = folder.subjects if folder is not None else ()
        self.paired = [path.resolve() for path in pairs.paths] if pairs is not None else []
        self.paths = list(dict.fromkeys((*self.labelled, *self.paired)))

    def shown(self, path: Path) -> str:
        """The name of a photo in results: relative to the folder, or to that of the pair list."""
        roots = [self.folder.root] if self.folder is not None else []
        for root in (*roots, self._base):
            if path.is_relative_to(root.resolve()):
                return path.relative_to(root.resolve()).as_posix()
        return path.name

    def subjects_of(self, paths: Sequence[Path]) -> list[str | None]:
        """The subject of each photo; None for those that only the pair list has."""
        photos = self.folder.photos if self.folder is not None else ()
        known = {path: photo.subject for path, photo in zip(self.labelled, photos, strict=True)}
        return [known.get(path) for path in paths]

    @property
    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """The names of files that are equal although their subjects differ."""
        groups = self.folder.duplicates if self.folder is not None else ()
        return tuple(tuple(self.shown(photo.path.resolve()) for photo in group) for group in groups)

    @property
    def notes(self) -> tuple[str, ...]:
        return (*(self.folder.notes if self.folder else ()), *(self.pairs.notes if self.pairs else ()))


def _read(folder: Path | None, pairs: Path | None, attributes: Path | None, column: str, words: str | None) -> Data:
    if folder is None and pairs is None:
        raise typer.BadParameter("give a FOLDER, or a list with --pairs, or both")
    if attributes is not None and folder is None:
        raise typer.BadParameter("--attributes needs a FOLDER")
    labelled = read_folder(folder, attributes=attributes, column=column) if folder is not None else None
    listed = read_pairs(pairs, root=_root_of(pairs, folder), skip_missing=True) if pairs is not None else None
    names = [path.resolve().name for path in (folder, pairs) if path is not None]
    return Data(labelled, listed, words or " and ".join(names), (pairs or folder or Path()).parent)


def _root_of(pairs: Path, folder: Path | None) -> Path | None:
    """The folder that the paths of a list are relative to: the list's own (None), unless only FOLDER has the first."""
    if folder is None or not pairs.is_file():
        return None
    with pairs.open(encoding="utf-8-sig", errors="replace") as file:
        first = next((line.split(",")[0].strip() for line in list(file)[1:2]), "")
    return folder if (folder / first).is_file() and not (pairs.parent / first).is_file() else None


def _setup(vision: Vision, choices: Choices, data: Data) -> Setup:
    return Setup(
        data=data.name,
        model_id=choices.model.id,
        pipeline_version=choices.model.pipeline_version,
        precision=choices.model.precision,
        detector=shown_detector(vision, choices),
        face=choices.face,
        vultus_version=__version__,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        score="cosine" if choices.reference is None else "relative",
    )


def _measure(
    data: Data,
    photos: EmbeddedPhotos,
    setup: Setup,
    choices: Choices,
    in_use: ThresholdsInUse | None,
    gallery: int | None,
    templates: int,
) -> Evaluation:
    embedded, photos = photos, photos.decided()
    rows = {path: row for row, path in enumerate(photos.paths)}
    names = [data.shown(path) for path in photos.paths]
    folder = pairs = None
    if data.folder is not None:
        kept = [number for number, path in enumerate(data.labelled) if photos.failures[rows[path]] is None]
        at = [rows[data.labelled[number]] for number in kept]
        folder = measure_folder(
            photos.vectors[at],
            [data.folder.photos[number] for number in kept],
            [names[row] for row in at],
            in_use=in_use.fmr if in_use is not None else {},
            search_in_use=in_use.searches if in_use is not None else None,
            reference=choices.reference,
            gallery_subjects=gallery,
            templates=templates,
        )
        if in_use is None:
            folder = replace(folder, notes=(*folder.notes, _without_calibration(setup.model_id)))
    if data.pairs is not None:
        pairs = measure_pairs(
            photos.vectors[[rows[path] for path in data.paired]], data.pairs, reference=choices.reference
        )
    failures = count_failures(embedded, data.subjects_of(photos.paths), names, left_out=True)
    return Evaluation(setup, failures, folder, pairs, data.duplicates, data.notes)


def _damage(
    vision: Vision, data: Data, photos: EmbeddedPhotos, choices: Choices, settings: Settings, found: Evaluation
) -> tuple[DamageResult, ...]:
    """Damaged copies at the thresholds in use, or at those of these photos for a model without a calibration."""
    usable = dict(zip(photos.paths, photos.usable.tolist(), strict=True))
    known = [(path, subject) for path, subject in zip(data.labelled, data.labels, strict=True) if usable[path]]
    verification = found.verification
    in_use = thresholds_in_use(choices)
    thresholds = (
        in_use.fmr
        if in_use is not None
        else {
            point.target_fmr: point.threshold
            for point in (verification.points if verification is not None else ())
            if point.target_fmr in IN_USE_FMRS
        }
    )
    paths, subjects = [path for path, _ in known], [subject for _, subject in known]
    return measure_damaged_photos(vision, paths, subjects, choices, settings, thresholds)


def _without_calibration(model_id: str) -> str:
    return (
        f"no thresholds in use: {model_id} has no calibration; to set one: vultus calibrate FOLDER --model {model_id}"
    )


def _publish(found: Evaluation, report: Path | None, as_json: bool) -> None:
    if report is not None:
        report.write_text(render_report(found), "utf-8")
        say(f"report written to {report}")
    if as_json:
        print_json(evaluation_as_json(found))
        return
    for table in evaluation_as_tables(found):
        print_lines(["", table.title])
        if table.rows:
            print_table(table.columns, table.rows)
        print_lines(f"  {note}" for note in table.notes)
