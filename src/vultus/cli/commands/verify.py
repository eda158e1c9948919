"""vultus verify: two photos of this machine."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from vultus.cli.exit_codes import NEGATIVE
from vultus.cli.opening import opened, record_comparison, settings_without_data
from vultus.cli.options import (
    AcceptLowQuality,
    AsExitCode,
    AsJson,
    DataDir,
    Liveness,
    ModelDir,
    ModelName,
    check_rate,
)
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings, read_photo
from vultus.records.answers import Verification
from vultus.schemas.answers import verify_answer


def verify(
    ctx: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="A", help="A photo.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another photo.")],
    target_fmr: Annotated[
        float | None, typer.Option("--target-fmr", help="False match rate to decide at.", callback=check_rate)
    ] = None,
    model: ModelName = None,
    accept_low_quality: AcceptLowQuality = False,
    liveness: Liveness = None,
    exit_code: AsExitCode = False,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether two photos show the same person; of several faces the most prominent counts."""
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    one, two = (read_photo(file, settings.max_image_bytes) for file in (first, second))
    with settings_without_data(settings) as around, opened(ctx, around, may_create=True) as system:
        started = perf_counter()
        result = system.service.recognition.verify(
            one,
            two,
            model_name=model,
            target_fmr=target_fmr,
            accept_low_quality=accept_low_quality,
            liveness=liveness or "off",
        )
        record_comparison(system, "verify")
        seconds = perf_counter() - started
    _show_verified(result, model, seconds, as_json)
    raise typer.Exit(NEGATIVE if exit_code and not result.verified else 0)


def _show_verified(result: Verification, model: str | None, seconds: float, as_json: bool) -> None:
    if as_json:
        print_json(verify_answer(result, model, seconds).model_dump(mode="json"))
        return
    rule = result.rule
    rate = "not stated" if rule.expected is None else f"{rule.expected:g}"
    rows = [(result.decision, result.similarity, rule.similarity, result.score, rate, result.model_id)]
    print_table(("decision", "similarity", "threshold", "score", "false match rate", "model"), rows)
    for verdict in result.liveness:
        print_lines([f"{verdict.image}: {verdict.decision}: {verdict.reason}"])
    for caution in result.cautions:
        say(f"caution: {caution.detail}")
    notes = (f"{photo}: {one.note}" for photo, one in zip("AB", result.choices, strict=True) if one and one.note)
    for note in (*notes, *([rule.note] if rule.note else [])):
        say(note)
