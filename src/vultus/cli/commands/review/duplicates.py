"""vultus duplicates: subjects that may be one person; the search is that of the server's job."""

from __future__ import annotations

from typing import Annotated

import typer

from vultus.cli.commands.jobs import run_queued, shown_state
from vultus.cli.commands.subjects import BEGINNING, Subject, full_subject
from vultus.cli.kept_gallery import open_kept_gallery
from vultus.cli.opening import opened
from vultus.cli.options import AsJson, DataDir, InCollection, ModelDir, check_known_subject
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings
from vultus.errors import InvalidRequest
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.review import SimilarPair, SimilarPairs
from vultus.schemas.duplicates import DismissedAnswer, duplicates_answer
from vultus.service.review.duplicates import found_pairs

app = typer.Typer(help="Subjects that may be one person: search, list, dismiss.", no_args_is_help=True)
COLUMNS = ("subject", "name", "other", "name of the other", "similarity", "threshold")
Other = Annotated[
    str, typer.Argument(metavar="OTHER", help=f"The other subject, {BEGINNING}.", callback=check_known_subject)
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help="Most pairs.")]


@app.command("search")
def search_duplicates(
    ctx: typer.Context,
    collection: InCollection = DEFAULT_COLLECTION,
    limit: Limit = 100,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare all faces of a collection with each other. A running server does it, else it is done here."""
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    with opened(ctx, settings, warm=False) as system:
        job = system.service.duplicates.start(collection)
        run_queued(system, settings, "faces compared", bar=not as_json)
        found = system.service.duplicates.found(collection, limit=limit)
    if found.job is not None and found.job.id == job.id and found.job.state == "failed":
        raise InvalidRequest(f"the search failed: {found.job.problem}; see: vultus jobs show {job.id}")
    _show(collection, found, limit, as_json=as_json)


@app.command("list")
def list_duplicates(
    collection: InCollection = DEFAULT_COLLECTION,
    limit: Limit = 100,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List what the last search found, the most alike first, without the pairs that were dismissed."""
    with open_kept_gallery(data_dir) as kept:
        found = found_pairs(kept.gallery, collection, limit=limit)
    _show(collection, found, limit, as_json=as_json)


@app.command("dismiss")
def dismiss_duplicate(
    subject: Subject,
    other: Other,
    undo: Annotated[bool, typer.Option("--undo", help="Take it back: the pair is listed again.")] = False,
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say that two subjects are different people: they are not listed again."""
    with open_kept_gallery(data_dir) as kept:
        subject, other = (full_subject(kept.gallery, collection, one) for one in (subject, other))
        kept.gallery.similar_pairs.dismiss(collection, subject, other, dismissed=not undo)
    if as_json:
        print_json(DismissedAnswer(subject=subject, other=other, dismissed=not undo).model_dump(mode="json"))
    else:
        print_lines([f"{subject} and {other} {'may be one person' if undo else 'are two people'}"])


def _show(collection: str, found: SimilarPairs, limit: int, *, as_json: bool) -> None:
    if as_json:
        print_json(duplicates_answer(collection, found).model_dump(mode="json"))
    else:
        print_table(COLUMNS, map(_row, found.pairs))
    if below := sum(not pair.above for pair in found.pairs):
        say(f"{below} of {len(found.pairs)} pairs are below their threshold: the nearest ones, no sign of one person")
    job = found.job
    if job is None:
        say(f"collection {collection} was not searched yet; run: vultus duplicates search --collection {collection}")
    elif job.state not in ("done", "failed", "cancelled"):
        done = f", {job.done} of {job.total} faces" if job.total else ""
        say(f"a search is {shown_state(job)}{done}; this is what the one before found, if there was one")
    if found.more:
        say(f"there are more pairs; show more of them by --limit, which is {limit}")


def _row(pair: SimilarPair) -> tuple[object, ...]:
    one, other = pair.subjects
    return (one.id, one.name, other.id, other.name, pair.similarity, pair.threshold)
