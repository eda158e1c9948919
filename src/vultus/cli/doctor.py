"""vultus doctor: is everything there that a healthy service needs?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import typer

from vultus.cli import checks
from vultus.cli.checks import Check, fail, ok, warn
from vultus.cli.exit_codes import REFUSED, sentence_of
from vultus.cli.opening import openers_of
from vultus.cli.options import AsJson, DataDir, ModelDir
from vultus.cli.output import print_json, print_lines
from vultus.cli.settings import load_settings
from vultus.config import Settings
from vultus.errors import VultusError


def doctor(ctx: typer.Context, data_dir: DataDir = None, model_dir: ModelDir = None, as_json: AsJson = False) -> None:
    """Check Python, settings, data, models and processor, and run each network once. Changes nothing."""
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    findings = list(_findings(settings, openers_of(ctx).run_self_test))
    if as_json:
        print_json({"healthy": not _any_failed(findings), "checks": [asdict(finding) for finding in findings]})
    else:
        print_lines(f"{finding.state:<4}  {finding.name}: {finding.detail}" for finding in findings)
    raise typer.Exit(REFUSED if _any_failed(findings) else 0)


def _any_failed(findings: list[Check]) -> bool:
    return any(finding.state == "fail" for finding in findings)


def _findings(settings: Settings, run_self_test: Callable[[Settings], float]) -> Iterator[Check]:
    yield checks.python_version()
    yield checks.processor()
    yield _guarded("settings", lambda: checks.settings_agree(settings))
    yield _guarded("data folder", lambda: checks.data_folder(settings.data_dir))
    yield _guarded("database", lambda: checks.database(settings))
    yield _guarded("photos", lambda: checks.photos(settings))
    models = list(checks.models(settings))
    yield from models
    yield _guarded("self-test", lambda: _self_test(settings, models, run_self_test))


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """The finding; a check that cannot be made has failed."""
    try:
        return check()
    except VultusError as exc:
        return fail(name, str(exc))
    except OSError as exc:
        return fail(name, sentence_of(exc))


def _self_test(settings: Settings, models: list[Check], run_self_test: Callable[[Settings], float]) -> Check:
    if any(model.state != "ok" for model in models):
        return warn("self-test", "not run, because models are not ready; run: vultus models prepare")
    return ok("self-test", f"detectors and recognition answer, {run_self_test(settings) * 1000:.0f} ms together")
