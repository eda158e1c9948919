"""vultus servers: which server processes serve from the database, and how far each follows its collections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings
from vultus.records.server_processes import ServerProcess
from vultus.schemas.status import server_status
from vultus.storage.database import is_sqlite
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import ready_database

COLUMNS = ("server", "state", "version", "started (UTC)", "heard of", "search", "behind")
DIGEST_SHOWN = 12  # hex digits
ALONE = (
    "the database is SQLite, which one server uses, alone; several servers share a database of PostgreSQL, see "
    "docs/how-to/postgresql.md"
)


def servers(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the servers of the database: since when, last heard of, how far each follows."""
    settings = load_settings(data_dir=data_dir)
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        found = Gallery(database).servers()
    if as_json:
        print_json({"servers": [_as_json(one) for one in found]})
    else:
        now = datetime.now(UTC)
        print_table(COLUMNS, [_row(one, now) for one in found])
        print_lines(_served_alike(found))
    if is_sqlite(settings.sqlalchemy_url):
        say(ALONE)


def _as_json(server: ServerProcess) -> dict[str, object]:
    answer = server_status(server).model_dump(mode="json")
    return answer | {"followed": [asdict(one) for one in server.followed]}


def _row(server: ServerProcess, now: datetime) -> tuple[object, ...]:
    known = server_status(server)
    behind = f"{known.behind} of {known.collections}" if known.search == "memory" else None
    heard = f"{max(0, round((now - server.seen_at).total_seconds()))} s ago"
    place = f"{server.host or 'unknown'}:{server.process_id or '?'}"
    return place, known.state, server.version, server.started_at, heard, server.search, behind


def _served_alike(found: Sequence[ServerProcess]) -> list[str]:
    """What they serve with, which is the same for all that live: a line for each that differs."""
    kinds = Counter((one.model_id, one.pipeline_version, one.model_sha256, one.calibrations) for one in found)
    return [
        f"{count} serve with model {model}, preprocessing {preprocessing}, files {files[:DIGEST_SHOWN]}, calibrations "
        f"{calibrations[:DIGEST_SHOWN]}"
        for (model, preprocessing, files, calibrations), count in kinds.items()
    ]
