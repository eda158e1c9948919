"""The commands, put together: one module per group; `exits` turns failures into sentences and exit codes."""

from __future__ import annotations

from typing import Annotated

import typer

from vultus import __version__
from vultus.cli import audit, keys, models
from vultus.cli.backup import backup, restore
from vultus.cli.calibrate import calibrate
from vultus.cli.check import check
from vultus.cli.context import Tools
from vultus.cli.doctor import doctor
from vultus.cli.evaluate import evaluate
from vultus.cli.exit_codes import EXIT_CODES, Guarded
from vultus.cli.importing import import_folder
from vultus.cli.recognition import enroll, find, verify
from vultus.cli.serve import serve

app = typer.Typer(
    name="vultus",
    cls=Guarded,
    epilog=EXIT_CODES,
    rich_markup_mode="markdown",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve)
app.command("enroll")(enroll)
app.command("verify")(verify)
app.command("find")(find)
app.command("import")(import_folder)
app.command("evaluate")(evaluate)
app.command("calibrate")(calibrate)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.command("backup")(backup)
app.command("restore")(restore)
app.command("check")(check)
app.command("doctor")(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vultus {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Self-hosted face recognition: enroll, verify (1:1), find (1:N)."""
    ctx.ensure_object(Tools)
