"""vultus search-recall: how much of the exact search the HNSW index of a collection finds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from vultus.cli.opening import opened
from vultus.cli.options import AsJson, DataDir, check_collection
from vultus.cli.output import print_json, print_lines
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import working
from vultus.config import Settings
from vultus.errors import InvalidRequest, SettingsInvalid, StorageUnavailable
from vultus.search.pq_builder import LEAST_RECALL
from vultus.storage.vector_search.database_index import DatabaseIndex
from vultus.storage.vector_search.recall_measuring import PROBES, Measurement


def search_recall(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="COLLECTION", help="Name of the collection.", callback=check_collection)
    ],
    probes: Annotated[int, typer.Option("--probes", min=10, max=10_000, help="Probes of each kind.")] = PROBES,
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=100, help="Subjects that are looked for.")] = 10,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure how much the search index of a collection in the database finds.

    It is built where it is missing. The recall is stored, for all servers: it decides whether they use the index.
    """
    settings = load_settings(data_dir=data_dir)
    if settings.search != "database":
        raise SettingsInvalid(
            "VULTUS_SEARCH is memory: the recall of a collection is in its `search` at GET /collections/{c}; to "
            "measure an HNSW index in PostgreSQL, set VULTUS_SEARCH=database"
        )
    with opened(ctx, settings) as system:
        index, context = system.service.context.index, system.service.context
        assert isinstance(index, DatabaseIndex)
        reference = context.model_of(context.gallery.binding(name)).reference
        rule = None if reference is None else reference.rule
        with working("preparing", bar=not as_json):
            index.prepare(name, rule)
        state = index.read_state(name)
        if not index.use.is_wanted(state):
            raise InvalidRequest(
                f"the collection has {state.faces} faces and is searched exactly: its recall is 1; one gets an index "
                f"from {settings.hnsw_from_faces} faces on, see VULTUS_HNSW_FROM_FACES"
            )
        with working("measuring", bar=not as_json):
            found = index.background.measure_index(name, rule, probes=probes, k=top_k)
    if found is None:
        raise StorageUnavailable("a server builds or measures an index just now; try again when it is done")
    _show(found, state.faces, settings, as_json)


def _show(found: Measurement, faces: int, settings: Settings, as_json: bool) -> None:
    in_use = found.recall.least >= LEAST_RECALL
    if as_json:
        shown: dict[str, Any] = {"faces": faces, "ef_search": settings.hnsw_ef_search, "in_use": in_use}
        print_json(shown | asdict(found))
        return
    times = f"{1000 * found.index_seconds:.1f} ms by the index, {1000 * found.exact_seconds:.1f} ms without (median)"
    used = "searches use the index" if in_use else f"below {LEAST_RECALL}, so searches compare all faces instead"
    print_lines(
        [
            f"{faces} faces, ef_search {settings.hnsw_ef_search}, {found.probes} probes of each kind",
            f"recall@1  {found.recall.mated:.4f} of probes that show an enrolled person",
            f"recall@1  {found.recall.non_mated:.4f} of probes that show nobody enrolled",
            f"recall@{found.k}  {found.at_k:.4f} of both",
            f"{times}",
            f"The lower recall@1 is {found.recall.least:.4f}: {used}. It is stored for all servers.",
        ]
    )
