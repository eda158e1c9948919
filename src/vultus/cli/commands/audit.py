"""vultus audit: shows the audit log and prunes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from vultus.cli.options import AsJson, DataDir, check_known_subject
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings
from vultus.config import MAX_AUDIT_DAYS, Settings
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.decisions import Decision
from vultus.records.stored import AuditLine
from vultus.storage.audit import COMMAND, Act, Audit, AuditFilter
from vultus.storage.migrations.runner import ready_database

app = typer.Typer(help="The audit: who did what.", invoke_without_command=True)
MOMENT = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
COLUMNS = ("number", "at (UTC)", "who", "action", "outcome", "collection", "decision", "objects", "request")
MAX_LINES = 1_000_000


@contextmanager
def open_audit(settings: Settings) -> Iterator[Audit]:
    """The audit in the database of these settings."""
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        yield Audit(database)


@app.callback()
def show_audit(
    ctx: typer.Context,
    since: Annotated[datetime | None, typer.Option("--since", formats=MOMENT, help="From this moment on, UTC.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Who: a key's id, or command, server, anyone.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="Such as enroll, find, subject.erase.")] = None,
    until: Annotated[datetime | None, typer.Option("--until", formats=MOMENT, help="Before this moment, UTC.")] = None,
    collection: Annotated[str | None, typer.Option("--collection", help="The name of a collection.")] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="ok, unchanged, or the code of an error.")] = None,
    decision: Annotated[str | None, typer.Option("--decision", help="Such as match, ambiguous, unknown.")] = None,
    request: Annotated[str | None, typer.Option("--request", help="The x-request-id of a call.")] = None,
    face: Annotated[str | None, typer.Option("--face", help="The id of a face.")] = None,
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="A subject: lines about the faces it has now.", callback=check_known_subject),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MAX_LINES, help="Most lines, the newest.")] = 100,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest lines, oldest first. Objects are ids of faces and keys; nobody's name is in the audit."""
    if ctx.invoked_subcommand is not None:
        return
    wanted = AuditFilter(
        since=None if since is None else _utc(since),
        until=None if until is None else _utc(until),
        actor=key,
        action=action,
        collection=collection,
        outcome=outcome,
        decision=decision,
        request_id=request,
        face=face,
        subject=None if subject is None else (collection or DEFAULT_COLLECTION, subject),
    )
    with open_audit(load_settings(data_dir=data_dir)) as audit:
        found = audit.lines(wanted, limit=limit + 1)
    lines, more = found[-limit:], len(found) > limit
    if as_json:
        print_json({"lines": [{**asdict(line), "at": line.at.isoformat()} for line in lines], "more": more})
    else:
        print_table(COLUMNS, [_row(line) for line in lines])
    if more:
        say(f"there are older lines; show more of them by --limit, which is {limit}")


@app.command("prune")
def prune_audit(
    before: Annotated[
        datetime | None, typer.Option("--before", formats=MOMENT, help="Erase what is older, UTC.")
    ] = None,
    days: Annotated[
        int | None, typer.Option("--older-than", min=1, max=MAX_AUDIT_DAYS, help="Erase what is older, days.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase the oldest lines; a new line says that it was done, and how many went."""
    if (before is None) is (days is None):
        raise typer.BadParameter("say from when on lines are kept: by --before DATE or --older-than DAYS")
    kept_since = datetime.now(UTC) - timedelta(days=days) if days is not None else _utc(before or datetime.max)
    with open_audit(load_settings(data_dir=data_dir)) as audit:
        erased = audit.prune(kept_since, Act(COMMAND))
    if as_json:
        print_json({"erased": erased})
    else:
        print_lines([f"{erased} lines are erased"])


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)  # the formats have no time zone, and the help says UTC


def _row(line: AuditLine) -> tuple[object, ...]:
    more = line.object_count - len(line.objects[:1])
    objects = ", ".join(line.objects[:1]) + (f" and {more} more" if more and line.objects else "")
    shown = objects or (str(line.object_count) if line.object_count else None)
    at = f"{line.at:%Y-%m-%d %H:%M:%S}"
    decided = ", ".join(map(_decided, line.decisions)) or None
    return (line.number, at, line.actor, line.action, line.outcome, line.collection, decided, shown, line.request_id)


def _decided(decision: Decision) -> str:
    """Such as: match 0.712 of 0.402 (target_fpir)."""
    similarity = "" if decision.similarity is None else f" {decision.similarity:.3f}"
    return f"{decision.decision}{similarity} of {decision.threshold:.3f} ({decision.rule})"
