"""evaluate --liveness and calibrate --liveness: photos of live faces and of attacks, judged as the service does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from vultus import __version__
from vultus.cli.opening import Vision
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import read_photo
from vultus.cli.terminal.progress import progress
from vultus.cli.threads import in_threads
from vultus.config import Settings
from vultus.errors import BadInput, FaceRefused, InvalidRequest
from vultus.evaluation.intervals import why_not_claimed
from vultus.evaluation.liveness.measure_liveness import (
    LivenessEvaluation,
    Outcome,
    measure_kinds,
    refused_live,
    threshold_for,
    trade_offs,
)
from vultus.evaluation.liveness.presentations import LIVE, Presentation, read_presentations
from vultus.evaluation.presentation.liveness_pages import liveness_as_json, liveness_as_tables, render_liveness_report
from vultus.liveness_models import read_liveness_calibrations
from vultus.models.card import ModelCard, cards_of
from vultus.models.liveness_calibration import (
    LivenessCalibration,
    MeasuredAttacks,
    liveness_calibration_path,
    write_liveness_calibration,
)
from vultus.service.liveness.judging import judge
from vultus.vision.face_selection import largest_face


def evaluate_liveness(
    vision: Vision, folder: Path, settings: Settings, words: str | None, report: Path | None, as_json: bool
) -> None:
    """Measure liveness on a folder of presentations, and print or write what was found.

    Raises InvalidRequest, ModelNotInstalled, OSError.
    """
    model = vision.models.liveness()
    outcomes, seconds = _judged(vision, read_presentations(folder), settings, bar=not as_json)
    live, attacks = measure_kinds(outcomes, model.rule.threshold)
    found = LivenessEvaluation(
        words or folder.resolve().name,
        model.rule,
        live,
        attacks,
        trade_offs(outcomes),
        1000 * seconds,
        __version__,
        f"{datetime.now(UTC):%Y-%m-%d}",
    )
    if report is not None:
        report.write_text(render_liveness_report(found), "utf-8")
        say(f"report written to {report}")
    if as_json:
        print_json(liveness_as_json(found))
        return
    for table in liveness_as_tables(found):
        print_lines(["", table.title])
        print_table(table.columns, table.rows)
        print_lines(f"  {note}" for note in table.notes)


def calibrate_liveness(
    vision: Vision, folder: Path, settings: Settings, words: str | None, bpcer: float, out: Path | None, as_json: bool
) -> None:
    """Set the threshold for a BPCER on the live photos of a folder; its attacks are counted there.

    Raises InvalidRequest, ModelNotInstalled, StorageFailed, OSError.
    """
    model = vision.models.liveness()
    outcomes, _ = _judged(vision, read_presentations(folder), settings, bar=not as_json)
    scores = [one.score for one in outcomes if one.kind == LIVE and one.score is not None]
    threshold = threshold_for(scores, bpcer)
    if threshold <= 0:
        raise InvalidRequest(
            f"for a BPCER of {bpcer:g} on these photos every score would have to pass; use better photos, or a higher "
            "--bpcer"
        )
    _, attacks = measure_kinds(outcomes, threshold)
    data = words or folder.resolve().name
    found = LivenessCalibration(
        threshold=threshold,
        bpcer=bpcer,
        live=len(scores),
        refused=refused_live(scores, threshold),
        data=data,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        pipeline_version=model.pipeline_version,
        attacks=tuple(
            MeasuredAttacks(one.kind, one.errors.trials, one.errors.errors, threshold, data)
            for one in attacks
            if one.errors.trials
        ),
    )
    path = out or liveness_calibration_path(settings.data_dir, model.id)
    write_liveness_calibration(path, model.id, found)
    say(f"calibration written to {path}" + ("" if out else "; the service uses it from its next start on"))
    if (note := why_not_claimed(bpcer, len(scores), "BPCER", "live photos")) is not None:
        say(note)
    show_liveness(model.id, found, str(path), as_json)


@dataclass(frozen=True)
class LivenessInUse:
    """The threshold of a liveness model that the service uses. source: a file, or the model card."""

    model_id: str
    source: str
    calibration: LivenessCalibration


def liveness_in_use(data_dir: Path, cards: Sequence[ModelCard]) -> tuple[LivenessInUse, ...]:
    """The thresholds of all liveness models that have one; the operator's win over the card's. Raises ModelInvalid."""
    own = read_liveness_calibrations(data_dir, cards)
    found = []
    for card in cards_of(cards, "liveness"):
        if card.id in own:
            found.append(LivenessInUse(card.id, str(liveness_calibration_path(data_dir, card.id)), own[card.id]))
        elif card.liveness is not None:
            found.append(LivenessInUse(card.id, "the model card", card.liveness))
    return tuple(found)


def show_liveness(model_id: str, found: LivenessCalibration, source: str, as_json: bool) -> None:
    """Print a threshold and what was measured with it."""
    if as_json:
        print_json({"model_id": model_id, "source": source, "liveness": asdict(found)})
        return
    print_lines(
        [
            f"Liveness threshold of {model_id}, from {source}: {found.threshold:.4f}",
            f"  BPCER {found.bpcer:g}: {found.refused} of {found.live} live faces are below it",
            f"  {found.data}; {found.date}",
            *(f"  {one.kind}: {one.accepted} of {one.presented} are taken for live" for one in found.attacks),
            *([] if found.attacks else ["  attacks: not measured"]),
        ]
    )


def _judged(
    vision: Vision, photos: Sequence[Presentation], settings: Settings, *, bar: bool
) -> tuple[list[Outcome], float]:
    """The outcomes, and the seconds that the model takes a face."""
    spent: list[float] = []
    work = _judge_one(vision, settings, spent)
    with (
        progress("judging", len(photos), bar=bar) as advance,
        closing(in_threads(work, photos, settings.compute_slots)) as outcomes,
    ):
        done = []
        for outcome in outcomes:
            done.append(outcome)
            advance()
    kinds = list(dict.fromkeys(photo.kind for photo in photos))
    done.sort(key=lambda one: kinds.index(one.kind))
    return done, sum(spent) / max(len(spent), 1)


def _judge_one(vision: Vision, settings: Settings, spent: list[float]) -> Callable[[Presentation], Outcome]:
    model, pipeline = vision.models.liveness(), vision.pipeline

    def judged(photo: Presentation) -> Outcome:
        try:
            with pipeline.slot():
                detected = pipeline.detect(read_photo(photo.path, settings.max_image_bytes))
                face = largest_face(detected)
                begun = perf_counter()
                verdict = judge(model, "the face", [(detected, face)])
                spent.append(perf_counter() - begun)
        except (BadInput, FaceRefused) as refusal:
            return Outcome(photo.kind, None, refusal.code)
        except OSError:
            return Outcome(photo.kind, None, "the file cannot be read")
        return Outcome(photo.kind, verdict.score, None if verdict.score is not None else _why(verdict.reason))

    return judged


def _why(reason: str) -> str:
    """Why a face cannot be judged, without its numbers, so that equal reasons are counted together."""
    for sign, why in (("px wide", "face too small"), ("times as large", "too little room"), ("grey", "grey photo")):
        if sign in reason:
            return why
    return "face cut off" if "%" in reason else "no face"
