"""vultus jobs: the work in the background, on the database alone; also beside a running server, which does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines, print_table
from vultus.cli.settings import load_settings
from vultus.records.stored import Job
from vultus.schemas.jobs import job_answer
from vultus.storage.audit import COMMAND, Act
from vultus.storage.jobs import JobStore
from vultus.storage.migrations.runner import ready_database

app = typer.Typer(help="Work in the background: list, cancel.", no_args_is_help=True)
COLUMNS = ("id", "kind", "collection", "state", "done", "of", "created (UTC)", "ended (UTC)", "problem")


@contextmanager
def open_jobs(data_dir: Path | None) -> Iterator[JobStore]:
    """The jobs in the database of these settings."""
    with ready_database(load_settings(data_dir=data_dir).sqlalchemy_url) as database:
        yield JobStore(database, Act(COMMAND))


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most jobs, the newest.")] = 20,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs with their progress, newest first."""
    with open_jobs(data_dir) as jobs:
        known = jobs.page(before=None, limit=limit)
    if as_json:
        print_json({"jobs": [job_answer(job).model_dump(mode="json") for job in known]})
    else:
        print_table(COLUMNS, [_row(job) for job in known])


@app.command("cancel")
def cancel_job(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The id in `vultus jobs list`.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a job: at once while it is queued, after its present step when it runs."""
    with open_jobs(data_dir) as jobs:
        job = jobs.cancel(job_id)
    if as_json:
        print_json(job_answer(job).model_dump(mode="json"))
    else:
        print_lines([f"job {job.id} is {shown_state(job)}"])


def shown_state(job: Job) -> str:
    """Its state, for people."""
    return "being cancelled" if job.cancelling else job.state


def _row(job: Job) -> tuple[object, ...]:
    progress = (job.done, job.total, job.created_at, job.ended_at, job.problem)
    return (job.id, job.kind, job.collection, shown_state(job), *progress)
