"""vultus calibrate: thresholds from your own labelled photos, used from then on instead of the model card's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from vultus.cli.embedding import CacheOption, Choices, DataOption, DetectorOption, FaceOption, embed_photos
from vultus.cli.evaluation_photos.liveness_photos import (
    LivenessInUse,
    calibrate_liveness,
    liveness_in_use,
    show_liveness,
)
from vultus.cli.opening import Vision, openers_of
from vultus.cli.options import AsJson, DataDir, ModelDir, ModelName, check_rate
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import working
from vultus.config import Settings
from vultus.errors import InvalidRequest, ModelNameNotAllowed
from vultus.evaluation.calibrate import Thresholds, measure_thresholds
from vultus.evaluation.embed_photos import EmbeddedPhotos
from vultus.evaluation.labelled_folder import LabelledFolder, read_folder
from vultus.evaluation.relative.score_thresholds import Family, measure_score_thresholds
from vultus.findings import sentence_of
from vultus.matching.decision import to_distance
from vultus.model_registry import ServedModel
from vultus.models.calibration import SearchCalibration
from vultus.models.card import Calibration, ModelCard, find_card
from vultus.models.catalogue import known_cards
from vultus.models.operator_calibration import (
    calibration_in_use,
    operator_calibration_path,
    why_by_cosine,
    why_shared,
    write_operator_calibration,
)
from vultus.models.relative_calibration import RelativeCalibration, ScoresAtSize
from vultus.models.toml import wording_of
from vultus.records.seen import Float32
from vultus.storage.database import require_database

RATE_DIGITS, COSINE_DIGITS = 2, 4  # of the numbers that are written


def calibrate(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="One sub-folder per person, photos inside.")
    ] = None,
    model: ModelName = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write here instead of into the data folder, where it takes effect.")
    ] = None,
    data: DataOption = None,
    detector: DetectorOption = None,
    face: FaceOption = "largest",
    cache: CacheOption = None,
    liveness: Annotated[
        Path | None,
        typer.Option("--liveness", metavar="FOLDER", help="Set the liveness threshold, by live/ and attacks."),
    ] = None,
    bpcer: Annotated[
        float,
        typer.Option("--bpcer", help="With --liveness: share of live faces that may be refused.", callback=check_rate),
    ] = 0.01,
    show: Annotated[bool, typer.Option("--show", help="Show the calibration in use, and where it comes from.")] = False,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Set the thresholds of a model by your own photos: for every false match rate that they can support.

    Written into the data folder, they win over the card's from the next start of the service on.
    """
    settings = load_settings(data_dir=data_dir, model_dir=model_dir, default_model=model)
    if show:
        _show(settings, as_json)
        return
    if liveness is not None:
        if folder is not None:
            raise typer.BadParameter("--liveness is calibrated by itself; leave out FOLDER")
        if out is None:
            require_database(settings.sqlalchemy_url)
        calibrate_liveness(openers_of(ctx).open_vision(settings), liveness, settings, data, bpcer, out, as_json)
        return
    if folder is None:
        raise typer.BadParameter("give a FOLDER, or --show")
    if out is None:
        require_database(settings.sqlalchemy_url)
    photos = read_folder(folder, duplicates=False)
    vision = openers_of(ctx).open_vision(settings)
    served = vision.models.resolve(model)
    of_card = served.scores_of_card()
    choices = Choices(served, detector, face, cache, None if of_card is None else of_card[1], as_json)
    embedded = embed_photos(vision, [photo.path for photo in photos.photos], choices, settings)
    if undecided := int(embedded.undecided.sum()):
        say(f"{undecided:,} photos are left out: they are too damaged for the service to decide on")
    with working("measuring", bar=not as_json):
        calibration = _calibrate(vision, choices, photos, embedded, data)
    path = out or operator_calibration_path(settings.data_dir, choices.model.id)
    write_operator_calibration(path, choices.model.id, calibration)
    say(f"calibration written to {path}" + ("" if out else "; the service uses it from its next start on"))
    _print(choices.model.id, calibration, str(path), as_json)


def _calibrate(
    vision: Vision, choices: Choices, photos: LabelledFolder, embedded: EmbeddedPhotos, data: str | None
) -> Calibration:
    embedded = embedded.decided()
    usable = embedded.usable
    subjects = [subject for subject, good in zip(photos.subjects, usable, strict=True) if good]
    found = measure_thresholds(embedded.vectors[usable], subjects)
    relative = _measure_relative(choices.model, embedded.vectors[usable], subjects)
    for note in (*photos.notes, *([found.note] if found.note else [])):
        say(note)
    words = data or photos.root.resolve().name
    said = f"{words}: {len(subjects):,} photos of {len(set(subjects)):,} people, {choices.face} face"
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    try:
        return Calibration(
            thresholds=_rounded(found.points),
            data=said,
            comparisons=found.comparisons,
            date=date,
            pipeline_version=choices.model.pipeline_version,
            precision=choices.model.precision,
            weighting="all pairs",
            smallest_fmr=found.smallest_fmr,
            search=_search(found),
            relative=None if relative is None else replace(relative, data=said, date=date),
        )
    except ValidationError as exc:  # such as equal thresholds of two rates; a file with them would be refused
        said = sentence_of(exc.errors(), wording_of(Calibration), at_most=1).partition(";")[0]
        raise InvalidRequest(
            f"these photos give no calibration that can be used: {said}; use more photos, of more people"
        ) from exc


def _measure_relative(model: ServedModel, vectors: Float32, subjects: Sequence[str]) -> RelativeCalibration | None:
    """The card's relative calibration with thresholds of these photos; None where the card has none.

    Raises InvalidRequest when the people are too few: a file without these thresholds would make cosines decide.
    """
    of_card = model.scores_of_card()
    if of_card is None:
        return None
    relative, reference = of_card
    found = measure_score_thresholds(vectors, subjects, reference)
    return replace(
        relative,
        fmr=_at_sizes(found.fmr),
        fpir=_at_sizes(found.fpir),
        smallest_fmr=found.smallest_fmr,
        smallest_fpir=found.smallest_fpir,
        largest_gallery=found.largest_gallery,
    )


def _at_sizes(family: Family) -> tuple[ScoresAtSize, ...]:
    return tuple(ScoresAtSize(size, _rounded(points)) for size, points in family)


def _search(found: Thresholds) -> SearchCalibration | None:
    search = found.search
    if search is None:
        return None
    return SearchCalibration(
        search.mixture.shape,
        search.mixture.exponent,
        _rounded(search.points),
        search.smallest_fmr,
        search.smallest_fpir,
        search.largest_gallery,
    )


def _rounded(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    return tuple((rate, round(cosine, COSINE_DIGITS)) for rate, cosine in points)


def _show(settings: Settings, as_json: bool) -> None:
    card = _card(settings)
    own = calibration_in_use((settings.data_dir, settings.model_dir), card)
    calibration = own[1] if own else card.calibration
    if calibration is None:
        raise InvalidRequest(f"{card.id} has no calibration; run: vultus calibrate FOLDER --model {card.id}")
    source = str(own[0]) if own else "the model card"
    _print(card.id, calibration, source, as_json, liveness_in_use(settings.data_dir, known_cards(settings.model_dir)))
    if own and own[0].parent == settings.model_dir:
        say(why_shared(own[0], settings.data_dir))
    if (why := why_by_cosine(card, calibration)) is not None:
        say(why)


def _card(settings: Settings) -> ModelCard:
    card = find_card(known_cards(settings.model_dir), settings.default_model)
    if card is None or card.task != "recognition":
        raise ModelNameNotAllowed(f"there is no recognition model {settings.default_model!r}; run: vultus models list")
    return card


def _print(
    model_id: str, calibration: Calibration, source: str, as_json: bool, liveness: Sequence[LivenessInUse] = ()
) -> None:
    if as_json:
        shown = {"model_id": model_id, "source": source, "calibration": asdict(calibration)}
        of_liveness = [
            {"model_id": one.model_id, "source": one.source, "liveness": asdict(one.calibration)} for one in liveness
        ]
        print_json(shown | ({"liveness": of_liveness} if of_liveness else {}))
        return
    print_lines([f"Calibration of {model_id}, from {source}", f"  {calibration.data}; {calibration.date}"])
    search = dict(calibration.search.thresholds) if calibration.search else {}
    rows = [
        (f"{rate:.0e}", f"{cosine:.4f}", f"{to_distance(cosine, 'euclidean'):.4f}", search.get(rate))
        for rate, cosine in calibration.thresholds
    ]
    print_table(("FMR", "cosine", "Euclidean distance", "cosine for searches"), rows)
    print_lines(_remarks(calibration))
    if calibration.relative is not None:
        _print_scores(calibration.relative)
    for one in liveness:
        print_lines([""])
        show_liveness(one.model_id, one.calibration, one.source, as_json)


def _print_scores(relative: RelativeCalibration) -> None:
    """The thresholds of relative scores, which decide."""
    print_lines(["", "Scores relative to other faces, which decide in place of the cosines", f"  {relative.data}"])
    for measure, what, family in (("FMR", "comparisons", relative.fmr), ("FPIR", "searches", relative.fpir)):
        columns = (f"{measure} of {what}", *(f"{one.faces:,} faces" for one in family))
        rates = [rate for rate, _ in family[0].thresholds]
        scores = zip(*([score for _, score in one.thresholds] for one in family), strict=True)
        print_table(
            columns, [(f"{rate:.0e}", *map("{:.4f}".format, row)) for rate, row in zip(rates, scores, strict=True)]
        )


def _remarks(calibration: Calibration) -> list[str]:
    lines = [f"{calibration.comparisons:,} non-mated comparisons, {calibration.weighting or 'weighting not recorded'}"]
    if calibration.smallest_fmr is not None:
        lines.append(f"smallest FMR that can be claimed: {calibration.smallest_fmr:.{RATE_DIGITS - 1}e}")
    if calibration.search is None:
        return [*lines, "searches: comparisons count as independent"]
    search = calibration.search
    return [
        *lines,
        f"searches: up to {search.largest_gallery:,} people, FPIR down to {search.smallest_fpir:g}, FMR down to "
        f"{search.smallest_fmr:.{RATE_DIGITS - 1}e}",
    ]
