"""A question before what cannot be undone: only on a terminal, as a script has nobody to answer it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vultus.cli.output import printable
from vultus.errors import InvalidRequest

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, as in a script, where nothing is asked anyway.")]


def confirm(what: str, *, yes: bool) -> None:
    """Ask whether to do it, unless that is known. what: as "Erase anna with 3 faces".

    Raises: InvalidRequest, when the answer is no.
    """
    if yes or not is_terminal():
        return
    if not typer.confirm(printable(f"{what}? It cannot be undone"), err=True):
        raise InvalidRequest("nothing was erased, as the answer was no")


def is_terminal() -> bool:
    """Whether a person may be there to answer."""
    return sys.stdin.isatty()
