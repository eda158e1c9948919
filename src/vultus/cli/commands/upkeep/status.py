"""vultus status: how a running server is, or what a data folder holds, with what an operator should look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from vultus.cli.exit_codes import REFUSED
from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines, print_states
from vultus.cli.settings import load_settings
from vultus.config import Settings
from vultus.errors import NotReady
from vultus.status.concerns import concerns
from vultus.status.sampler import Sampler
from vultus.storage.database import is_sqlite
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import ready_database

ASK_SECONDS = 10.0
MIB = 1 << 20
STORED = ("database_up", "last_backup", "photos_waiting", "photos_waiting_since")  # of a sample, beside sizes


def _check_url(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise typer.BadParameter("must begin with http:// or https://, like http://127.0.0.1:8000")
    return url


def status(
    url: Annotated[
        str | None,
        typer.Option("--url", help="Of a running server; without it the data folder is read.", callback=_check_url),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="File of an API key of that server, of any scope.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show how the service is and what to look at. Exit code 1 when there is something."""
    found = _of_folder(load_settings(data_dir=data_dir)) if url is None else _of_server(url, key_file)
    if as_json:
        print_json(found)
    else:
        print_lines(_lines(found))
        print_states(("warning:", f" {warning}") for warning in found.get("warnings", []))
    fine = found.get("status", "ready") == "ready" and not found.get("warnings")
    raise typer.Exit(0 if fine else REFUSED)


def _of_server(url: str, key_file: Path | None) -> dict[str, Any]:
    """The answer of its /status. Raises NotReady, when it cannot be asked or refuses."""
    headers = {} if key_file is None else {"authorization": f"Bearer {key_file.read_text('utf-8').strip()}"}
    try:
        answer = httpx.get(f"{url.rstrip('/')}/status", headers=headers, timeout=ASK_SECONDS)
        content = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        raise NotReady(
            f"no Vultus answers at {url} ({type(exc).__name__}); check the address, and that it runs"
        ) from exc
    if answer.status_code != 200:
        raise NotReady(f"{url} answered {answer.status_code}: {_detail(content)}")
    return dict(content)


def _detail(content: Any) -> str:
    return str(content.get("detail", "no sentence")) if isinstance(content, Mapping) else "no sentence"


def _of_folder(settings: Settings) -> dict[str, Any]:
    """What is stored, without a server. Raises StorageFailed."""
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        own_backups = is_sqlite(settings.sqlalchemy_url)
        sample = Sampler(Gallery(database), None, data_dir=settings.data_dir, own_backups=own_backups).take()
    sizes = sample.collections
    return {
        "data_dir": str(settings.data_dir.absolute()),
        "warnings": list(concerns(sample, datetime.now(UTC))),
        "enrolled": {
            "collections": len(sizes),
            "subjects": sum(one.subjects for one in sizes),
            "faces": sum(one.faces for one in sizes),
        },
        "storage": {name: value for name, value in asdict(sample).items() if name.endswith("_bytes") or name in STORED},
    }


def _lines(found: Mapping[str, Any]) -> list[str]:
    """The status in words."""
    lines = [
        f"{name.replace('_', ' ')}: {found[name]}"
        for name in ("data_dir", "status", "reason", "version")
        if found.get(name)
    ]
    for part in ("workers", "enrolled", "queue", "storage"):
        shown = ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in map(_shown, found.get(part, {}).items())
        )
        lines += [f"{part}: {shown}"] if shown else []
    return lines


def _shown(entry: tuple[str, Any]) -> tuple[str, Any]:
    """A value as it is read; bytes in MiB."""
    name, value = entry
    if name.endswith("_bytes"):
        return name.removesuffix("_bytes"), f"{value / MIB:.1f} MiB"
    return name, "none known" if value is None else value
