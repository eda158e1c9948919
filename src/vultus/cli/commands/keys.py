"""vultus keys: API keys, on the database alone; beside a running server they work at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

import typer

from vultus.cli.id_prefix import full_id
from vultus.cli.options import AsJson, DataDir, check_collection, check_name
from vultus.cli.output import print_json, print_lines, print_table
from vultus.cli.settings import load_settings
from vultus.config import Settings
from vultus.identifiers import DEFAULT_OVERLAP_MINUTES, MAX_OVERLAP_MINUTES
from vultus.records.stored import SCOPES, ApiKey, Scope
from vultus.schemas.resources import key_answer, rotated_key_answer
from vultus.server.address import console_link, server_url
from vultus.storage.audit import COMMAND, Act
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import ready_database

app = typer.Typer(help="API keys: create, import, list, rotate, revoke.", no_args_is_help=True)
MAX_DAYS = 36_500


@contextmanager
def open_keys(settings: Settings, *, may_create: bool = False) -> Iterator[KeyStore]:
    """The keys in the database of these settings."""

    with ready_database(settings.sqlalchemy_url, settings.key_file, may_create=may_create) as database:
        yield KeyStore(database).acting_as(Act(COMMAND))


def check_scopes(scopes: list[str] | None) -> list[str] | None:
    """Callback of --scope."""
    for scope in scopes or ():
        if scope not in SCOPES:
            raise typer.BadParameter(f"there is no scope {scope!r}; use {', '.join(SCOPES)}")
    return scopes


def check_url(url: str | None) -> str | None:
    """Callback of --url. Raises BadParameter for what a link to the console cannot begin with."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise typer.BadParameter("this is no address of a server; use one like https://faces.example.org")
    return url


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.", callback=check_name)],
    scopes: Annotated[
        list[str],
        typer.Option(
            "--scope", metavar="SCOPE", help=f"One of {', '.join(SCOPES)}; repeat for more.", callback=check_scopes
        ),
    ],
    collections: Annotated[
        list[str] | None,
        typer.Option(
            "--collection", help="Collection the key is limited to; repeat for more.", callback=check_collection
        ),
    ] = None,
    expires_in_days: Annotated[
        int | None, typer.Option("--expires-in-days", min=1, max=MAX_DAYS, help="Days until it expires.")
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", min=1, max=2**31 - 1, help="Most requests in a minute.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Print a link that signs in to the console.")] = False,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="With --link: the address that people open. Default: VULTUS_HOST and VULTUS_PORT.",
            callback=check_url,
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    if url is not None and not link:
        raise typer.BadParameter("--url is the address in the link; add --link")
    settings = load_settings(data_dir=data_dir)
    expires_at = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    with open_keys(settings, may_create=True) as keys:
        key, secret = keys.create(
            name,
            tuple(cast(Scope, scope) for scope in dict.fromkeys(scopes)),
            collections=collections or None,
            expires_at=expires_at,
            requests_per_minute=requests_per_minute,
        )
    signs_in = {"link": console_link(url or server_url(settings.host, settings.port), secret)} if link else {}
    if as_json:
        print_json({**key_json(key), "key": secret, **signs_in})
    elif link:
        print_lines([f"Key {key.id}, in a link to the console, shown this once; keep it safe:", signs_in["link"]])
    else:
        print_lines([f"Key {key.id}, shown this once; keep it safe:", secret])


@app.command("list")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the keys, the revoked and expired ones too; never the keys themselves."""
    with open_keys(load_settings(data_dir=data_dir)) as keys:
        known = keys.keys()
    if as_json:
        print_json({"keys": [key_json(key) for key in known]})
        return
    now = datetime.now(UTC)
    rows = [
        (
            *(key.id, key.kind, key.name, key.scopes, key.collections or "all"),
            *(_state(key, now), key.expires_at, key.last_used_at),
        )
        for key in known
    ]
    print_table(("id", "kind", "name", "scopes", "collections", "state", "expires (UTC)", "last used (UTC)"), rows)


@app.command("revoke")
def revoke_key(
    key_id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="The id in `vultus keys list`, or 4 and more characters that it begins with."
        ),
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a key from now on, also in a running server."""
    with open_keys(load_settings(data_dir=data_dir)) as keys:
        key = keys.revoke(_id(keys, key_id))
    if as_json:
        print_json(key_json(key))
    else:
        print_lines([f"key {key.id} is revoked"])


@app.command("rotate")
def rotate_key(
    key_id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="The id in `vultus keys list`, or 4 and more characters that it begins with."
        ),
    ],
    overlap_minutes: Annotated[
        int,
        typer.Option("--overlap-minutes", min=0, max=MAX_OVERLAP_MINUTES, help="How long the old one still works."),
    ] = DEFAULT_OVERLAP_MINUTES,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret and print it, this once; the old one works until the overlap ends."""
    with open_keys(load_settings(data_dir=data_dir)) as keys:
        rotation = keys.rotate(_id(keys, key_id), overlap=timedelta(minutes=overlap_minutes))
    if as_json:
        print_json(rotated_key_answer(rotation).model_dump(mode="json"))
        return
    until = f"{rotation.old_until:%Y-%m-%d %H:%M} UTC"
    print_lines(
        [f"Key {rotation.key.id}, its new secret, shown this once; the old one works until {until}:", rotation.secret]
    )


def _id(keys: KeyStore, given: str) -> str:
    known = keys.keys()
    return full_id(given, [key.id for key in known])


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def key_json(key: ApiKey) -> dict[str, Any]:
    """A key as --json prints it."""
    return key_answer(key).model_dump(mode="json")
