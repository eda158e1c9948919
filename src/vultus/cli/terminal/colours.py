"""Consoles of rich, which follow NO_COLOR, FORCE_COLOR and TERM=dumb, and the colours of states."""

from __future__ import annotations

import sys

from rich.console import Console

STYLES = {
    "ok": "green",
    "active": "green",
    "prepared": "green",
    "match": "green",
    "verified": "green",
    "warn": "yellow",
    "warning": "yellow",
    "missing": "yellow",
    "ambiguous": "yellow",
    "waiting": "yellow",
    "expired": "yellow",
    "fail": "bold red",
    "failed": "bold red",
    "broken": "bold red",
    "WRONG": "bold red",
    "revoked": "red",
}


def console(*, stderr: bool = False) -> Console:
    """A console that writes text as it is: nothing in it is markup."""
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def style_of(state: str) -> str:
    """The colour of a word that names a state; the word says it too, so that no colour is needed."""
    return STYLES.get(state, "")


def can_redraw() -> bool:
    """Whether stderr is a terminal on which a line can be drawn again; TERM=dumb says that it cannot."""
    return sys.stderr.isatty() and not Console(stderr=True).is_dumb_terminal
