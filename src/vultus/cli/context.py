"""The state of one run of the command line. Imports nothing heavy: see `cli.command_table`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import typer


@dataclass
class CommandContext:
    """Kept in the typer context of a run.

    openers: the `cli.opening.Openers` that open systems and networks; None means the real ones. as_json: whether the
    command was asked for JSON, which shapes its failure too.
    """

    openers: Any = None
    as_json: bool = False


def context_of(ctx: typer.Context) -> CommandContext:
    """The context of this run."""
    context: CommandContext = ctx.find_root().obj
    return context
