"""The commands by name. Each is imported when it is called, so that `vultus --help` and light commands start quickly.

This is the one place that loads lazily: the modules in `cli.commands` import what they need at their top.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from vultus import __version__
from vultus.cli.context import CommandContext
from vultus.cli.exit_codes import EXIT_CODES, Guarded
from vultus.cli.options import read_numbers_plainly
from vultus.cli.terminal.help_pages import GROUPS, usage_text
from vultus.server.signals import handling, leave

MARKUP: Literal["markdown"] = "markdown"


@dataclass(frozen=True)
class LazyCommand:
    """The place of a command, and its line on the help page (a test compares it with the docstring).

    module: its file below `cli.commands`. attribute: a function, or `app` of a module with sub-commands.
    """

    module: str
    attribute: str
    short_help: str


COMMANDS = {
    "serve": LazyCommand("serve", "serve", "Serve over HTTP until Ctrl-C or SIGTERM."),
    "enroll": LazyCommand("enroll", "enroll", "Add photos of one person to a collection."),
    "verify": LazyCommand("verify", "verify", "Tell whether two photos show the same person."),
    "find": LazyCommand("find", "find", "Search a collection for the person in a photo."),
    "import": LazyCommand("importing", "import_folder", "Enroll a folder: one sub-folder per person, photos inside."),
    "export": LazyCommand("exchange", "export", "Write people, embeddings and photos to a file in an open format."),
    "evaluate": LazyCommand("evaluate", "evaluate", "Measure error rates on your own photos."),
    "calibrate": LazyCommand("calibrate", "calibrate", "Set the thresholds of a model by your own photos."),
    "collections": LazyCommand("collections", "app", "Collections: list, show, create, set policies."),
    "subjects": LazyCommand("kept_subjects", "app", "Subjects: list, show, erase, export, rename, merge, undo."),
    "faces": LazyCommand("faces", "app", "Faces: list, show, erase."),
    "duplicates": LazyCommand("review.duplicates", "app", "Subjects that may be one person: search, list, dismiss."),
    "unknown": LazyCommand("review.unknown", "app", "Faces of nobody known: list, look at, assign, ignore, erase."),
    "models": LazyCommand("models", "app", "Models: list, show, pull, prepare, verify, remove."),
    "keys": LazyCommand("key_import", "app", "API keys: create, import, list, rotate, revoke."),
    "audit": LazyCommand("audit", "app", "The audit: who did what."),
    "reembed": LazyCommand("jobs", "reembed", "Embed a collection again by another model or version."),
    "jobs": LazyCommand("jobs", "app", "Work in the background: list, show, cancel."),
    "search-recall": LazyCommand(
        "search_recall", "search_recall", "Measure how much the search index of a collection in the database finds."
    ),
    "backup": LazyCommand("upkeep.backup", "backup", "Write database and photos to one verified file."),
    "restore": LazyCommand("upkeep.backup", "restore", "Put a backup into an empty data folder."),
    "move": LazyCommand("upkeep.move", "move", "Copy the whole gallery to another database, compare every row."),
    "check": LazyCommand("upkeep.check", "check", "Compare all that is stored with each other."),
    "health": LazyCommand("upkeep.health", "health", "Ask the running server whether it is ready."),
    "status": LazyCommand("upkeep.status", "status", "Show how the service is and what to look at."),
    "servers": LazyCommand(
        "upkeep.servers",
        "servers",
        "List the servers of the database: since when, last heard of, how far each follows.",
    ),
    "doctor": LazyCommand("upkeep.doctor", "doctor", "Check Python, settings, data, models and processor."),
}


class LazyCommands(Guarded):
    """The group of all commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, imported now; None when there is none."""
        return load(cmd_name) if cmd_name in COMMANDS else None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help page of all commands; none of them is imported for it."""
        outlines = [
            TyperCommand(name, help=COMMANDS[name].short_help, rich_help_panel=group)
            for group, names in GROUPS.items()
            for name in names
        ]
        page = TyperGroup(
            name=self.name,
            commands=outlines,
            params=self.params,
            help=self.help,
            epilog=self.epilog,
            rich_markup_mode=self.rich_markup_mode,
        )
        _show_flags_without_type(page)
        page.format_help(ctx, formatter)


def load(name: str) -> Any:
    """Import a command and build it."""
    place = COMMANDS[name]
    # A server that is told to stop while it is imported ends as it does later.
    with handling(leave) if name == "serve" else nullcontext(), _without_collection():
        found = getattr(import_module(f"vultus.cli.commands.{place.module}"), place.attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(rich_markup_mode=MARKUP, add_completion=False)
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    command.epilog = usage_text(name)
    read_numbers_plainly(command)
    _show_flags_without_type(command)
    return command


@contextmanager
def _without_collection() -> Iterator[None]:
    """Imports leave no garbage and a million objects for ever: looking through these takes an eighth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _show_flags_without_type(command: Any) -> None:
    """On the help page a flag is `--json`, not `--json <bool>`: it takes no value."""
    own_help = command.get_help_option(command.context_class(command))
    for option in (*command.params, *([own_help] if own_help else [])):
        if getattr(option, "is_flag", False) and option.metavar is None:
            option.metavar = ""
    for inner in getattr(command, "commands", {}).values():
        _show_flags_without_type(inner)


app = typer.Typer(
    name="vultus",
    cls=LazyCommands,
    epilog=EXIT_CODES,
    rich_markup_mode=MARKUP,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


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
    ctx.ensure_object(CommandContext)
