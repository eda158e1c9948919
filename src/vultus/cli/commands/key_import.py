"""vultus keys import: registers a key that clients of another service have already."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, cast

import typer

from vultus.cli.commands.keys import MAX_DAYS, app, check_scopes, key_json, open_keys
from vultus.cli.options import AsJson, DataDir, check_collection, check_name
from vultus.cli.output import print_json, print_lines
from vultus.cli.secret_input import asked
from vultus.cli.settings import load_settings
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.stored import SCOPES, Scope
from vultus.storage.client_keys.client_kinds import CLIENT_KINDS

ClientKind = Literal["compreface-recognition", "compreface-detection", "compreface-verification", "deepface", "aws"]


@app.command("import")
def import_key(
    kind: Annotated[ClientKind, typer.Argument(metavar="KIND", help=f"One of {', '.join(CLIENT_KINDS)}.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.", callback=check_name)],
    collections: Annotated[
        list[str] | None,
        typer.Option(
            "--collection",
            help="Collection the key is bound to: one; of kind aws more, by default all.",
            callback=check_collection,
        ),
    ] = None,
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help=f"One of {', '.join(SCOPES)}; repeat for more. Default: what its service allows with such a key.",
            callback=check_scopes,
        ),
    ] = None,
    expires_in_days: Annotated[
        int | None, typer.Option("--expires-in-days", min=1, max=MAX_DAYS, help="Days until it expires.")
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", min=1, max=2**31 - 1, help="Most requests in a minute.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Register a key that clients of another service have: its secret is asked for, or read from standard input.

    A key of kind aws is two lines: the access key id, then the secret.
    """
    if kind != "aws" and len(collections or ()) > 1:
        raise typer.BadParameter(f"a key of kind {kind} is bound to one collection", param_hint="--collection")
    expires_at = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    access_key_id = asked("Access key id", hidden=False) if kind == "aws" else None
    secret = asked("Secret access key" if kind == "aws" else "Key", hidden=True)
    with open_keys(load_settings(data_dir=data_dir), may_create=True) as keys:
        key = keys.register(
            kind,
            name,
            secret,
            tuple(cast(Scope, scope) for scope in dict.fromkeys(scopes or CLIENT_KINDS[kind].scopes)),
            access_key_id=access_key_id,
            collections=collections or (None if kind == "aws" else [DEFAULT_COLLECTION]),
            expires_at=expires_at,
            requests_per_minute=requests_per_minute,
        )
    if as_json:
        print_json(key_json(key))
    else:
        where = ", ".join(key.collections) if key.collections else "all collections"
        print_lines([f"key {key.id} of kind {kind} is registered for {where}"])
