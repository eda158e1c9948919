"""vultus jobs and vultus reembed: the work in the background; done by the server, or here while none runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli.exit_codes import PARTLY, REFUSED
from vultus.cli.opening import opened
from vultus.cli.options import AsJson, DataDir, ModelDir, ModelName, check_collection
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import counted
from vultus.config import Settings
from vultus.errors import ServedAlready
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.embedding_spaces import Reembedding
from vultus.records.stored import Job, JobItem
from vultus.schemas.jobs import job_answer, job_details_answer
from vultus.schemas.reembedding import reembedding_answer
from vultus.service.reembedding import ReembeddingRequests
from vultus.storage.audit import COMMAND, Act
from vultus.storage.jobs import JobDetails, JobStore
from vultus.storage.migrations.runner import ready_database
from vultus.storage.server_lock import serving_alone
from vultus.wiring.background import job_runner
from vultus.wiring.parts import System

app = typer.Typer(help="Work in the background: list, show, cancel.", no_args_is_help=True)
SHOWN_FACES = 100
COLUMNS = ("id", "kind", "collection", "state", "done", "of", "created (UTC)", "ended (UTC)", "problem")


@contextmanager
def open_jobs(data_dir: Path | None) -> Iterator[JobStore]:
    """The jobs in the database of these settings."""
    settings = load_settings(data_dir=data_dir)
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        yield JobStore(database, Act(COMMAND))


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most jobs, the newest.")] = 20,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs with their progress, newest first."""
    with open_jobs(data_dir) as jobs:
        found = jobs.page(before=None, limit=limit + 1)
    known, more = found[:limit], len(found) > limit
    if as_json:
        print_json({"jobs": [job_answer(job).model_dump(mode="json") for job in known], "more": more})
    else:
        print_table(COLUMNS, [_row(job) for job in known])
    if more:
        say(f"there are older jobs; show more of them by --limit, which is {limit}, or all by GET /jobs")


@app.command("show")
def show_job(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The id in `vultus jobs list`.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Most refused photos.")] = 20,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show a job: its progress, how many photos had which outcome, and why photos were refused."""
    with open_jobs(data_dir) as jobs:
        found = jobs.details(job_id)
        refused = jobs.items(found.job, limit=limit + 1, outcome="refused")
    shown, more = refused[:limit], len(refused) > limit
    if as_json:
        answer = job_details_answer(found.job, found.counts, found.webhook, shown, None)
        print_json(answer.model_dump(mode="json", exclude={"next_cursor"}) | {"more": more})
    else:
        print_lines(_details(found, shown))
    if more:
        say(f"more photos were refused; show more of them by --limit, which is {limit}")


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


def reembed(
    ctx: typer.Context,
    collection: Annotated[
        str, typer.Argument(metavar="[COLLECTION]", help="Name of the collection.", callback=check_collection)
    ] = DEFAULT_COLLECTION,
    model: ModelName = None,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave out the faces that cannot be embedded again.")
    ] = False,
    finish: Annotated[bool, typer.Option("--finish", help="Erase the former embeddings after the switch.")] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Give it up; after the switch: go back to the former embeddings.")
    ] = False,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Embed a collection again by another model or version. A running server does it, else it is done here."""
    if finish + abandon + (drop_missing or model is not None) > 1:
        raise typer.BadParameter("--finish and --abandon stand alone")
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    with opened(ctx, settings) as system:
        requests = system.service.reembedding
        if finish:
            requests.finish(collection)
        elif abandon:
            requests.abandon(collection)
        else:
            requests.start(collection, model_name=model, drop_missing=drop_missing)
        if not finish:
            run_queued(system, settings, "faces embedded again", bar=not as_json)
        _show(requests, collection, as_json)


def run_queued(system: System, settings: Settings, label: str, *, bar: bool) -> None:
    """Run what is queued, unless a server does. label: of the progress; bar: False with --json."""
    with ExitStack() as stack:
        try:
            stack.enter_context(serving_alone(settings.data_dir))
        except ServedAlready:
            say("the server does it; see: vultus jobs list")
            return
        if not system.gallery.jobs.leads():
            say("another server of the database does it; see: vultus jobs list")
            return
        system.gallery.jobs.resume_interrupted()
        runner = job_runner(system.service)
        report = stack.enter_context(counted(label, bar=bar, otherwise=_say_faces))
        while runner.run_next(report):
            pass


def _say_faces(done: int, total: int | None) -> None:
    say(f"{done} of {total} faces")


def _show(requests: ReembeddingRequests, collection: str, as_json: bool) -> None:
    found = requests.status(collection, limit=SHOWN_FACES)
    if as_json:
        print_json(reembedding_answer(found).model_dump(mode="json"))
    else:
        print_lines(_lines(found))
    state = found.job.state if found.job else None
    if state in ("failed", "waiting"):
        raise typer.Exit(REFUSED if state == "failed" else PARTLY)


def _lines(found: Reembedding) -> Iterator[str]:
    bound = found.collection
    yield f"{bound.name} is searched by {bound.model_id}, pipeline version {bound.pipeline_version}"
    if found.other is not None:
        space = found.other.space
        yield (
            f"beside it, {found.other.state}: {space.model_id}, pipeline version {space.pipeline_version}, "
            f"{found.other.embedded} faces"
        )
    if found.job is not None and found.job.state != "done":
        problem = f": {found.job.problem}" if found.job.problem else ""
        yield f"job {found.job.id} is {shown_state(found.job)}{problem}"
    for one in found.missing:
        yield f"face {one.face_id}: {one.reason}"
    if found.next_missing is not None:
        yield f"and more; all by GET /collections/{bound.name}/reembed"


def _details(found: JobDetails, refused: Sequence[JobItem]) -> Iterator[str]:
    job = found.job
    yield f"job {job.id} ({job.kind}, {job.collection}) is {shown_state(job)}: {job.done} of {job.total}"
    if job.problem is not None:
        yield job.problem
    if found.counts:
        yield ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(found.counts.items()))
    if (told := found.webhook) is not None:
        problem = f": {told.problem}" if told.problem else ""
        yield f"webhook {told.address} is {told.state.replace('_', ' ')} after {told.attempts} attempts{problem}"
    for item in refused:
        yield f"{item.file}: {item.detail}"


def shown_state(job: Job) -> str:
    """Its state, for people."""
    return "being cancelled" if job.cancelling else job.state


def _row(job: Job) -> tuple[object, ...]:
    progress = (job.done, job.total, job.created_at, job.ended_at, job.problem)
    return (job.id, job.kind, job.collection, shown_state(job), *progress)
