"""Secrets of a command: asked for, or read from standard input; never an argument, which other users could see."""

from __future__ import annotations

import sys

import typer

MOST_CHARACTERS = 1000  # of a line on standard input


def asked(what: str, *, hidden: bool) -> str:
    """A line from the terminal, or from standard input where that is a pipe or a file. hidden: not shown as typed."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=hidden)).strip()
    line = sys.stdin.readline(MOST_CHARACTERS).strip()
    if not line:
        raise typer.BadParameter(f"standard input ended before the {what.lower()}: one line each")
    return line
